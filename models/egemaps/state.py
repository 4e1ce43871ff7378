"""What the front end carries from push to push: one row of tensors per stream.

The samples behind the oldest frame whose pitch is open, and the five frames before it that its periods may
reach back to, are kept as they came: half a second at most. Nothing else of a frame is.

Dimensions: B rows, T new samples, N samples kept, W both.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cmlstream.models.contract import FRAME_STEP_SAMPLES

from .framing import quantise, widest
from .periods import READ_AHEAD_SAMPLES
from .perturbation import OpenRun
from .viterbi import PathState

LEAD_FRAMES = 5
"""A run's chain may stand two periods of 55 Hz and a frame before the first open frame."""
KEPT_SAMPLES = 8000
"""The lead, 39 open frames, and just not one 60 ms frame more."""


class StreamState(NamedTuple):
    """The state of B streams.

    `samples_BN` are the samples kept, quantised, `held_B` how many. `short_B` and `long_B` are the 20 ms and
    60 ms frames done, counted from the first sample kept; they are 0 only before the first. A row in which
    these three are 0, no run is open and the path is neither open nor late is a stream that has not begun,
    whatever else it holds.
    """

    samples_BN: Tensor
    held_B: Tensor
    short_B: Tensor
    long_B: Tensor
    path: PathState
    run: OpenRun


def append(
    state: StreamState, waveform_BT: Tensor, lengths_B: Tensor, read_ahead: int = READ_AHEAD_SAMPLES
) -> Tensor:
    """The samples kept followed by the new ones, and by something to read ahead into, [B, W]."""
    place_BT = state.held_B[:, None] + torch.arange(waveform_BT.shape[1], device=lengths_B.device)
    end_B1 = (state.held_B + lengths_B)[:, None]
    # Padding, which may hold anything, goes behind the end and is zeroed there.
    width = widest(state.held_B) + waveform_BT.shape[1] + read_ahead
    room_BW = torch.nn.functional.pad(state.samples_BN, [0, width - state.samples_BN.shape[1]])
    joined_BW = room_BW.scatter(1, place_BT, quantise(waveform_BT))
    return joined_BW * (torch.arange(width, device=lengths_B.device) < end_B1)


def keep(
    state: StreamState,
    open_frame_B: Tensor,
    ends_B: Tensor,
    lead_frames: int = LEAD_FRAMES,
    hop_samples: int = FRAME_STEP_SAMPLES,
    kept_samples: int = KEPT_SAMPLES,
) -> StreamState:
    """Drop what lies before the lead of the first open frame, and everything of the rows that end."""
    gone_B = (open_frame_B - lead_frames).clamp(min=0)
    gone_samples_B = gone_B * hop_samples
    place_BN = gone_samples_B[:, None] + torch.arange(kept_samples, device=ends_B.device)
    goes_on_B = ~ends_B
    path, run = state.path, state.run
    return StreamState(
        state.samples_BN.gather(1, place_BN.clamp(max=state.samples_BN.shape[1] - 1)),
        (state.held_B - gone_samples_B) * goes_on_B,
        (state.short_B - gone_B) * goes_on_B,
        (state.long_B - gone_B) * goes_on_B,
        PathState(
            path.cost_BS,
            path.candidate_BC,
            path.back_BKS,
            path.pitch_BKS,
            path.open_B * goes_on_B,
            path.late_B & goes_on_B,
        ),
        OpenRun(
            run.open_B & goes_on_B,
            run.position_B - gone_samples_B,
            run.length_B,
            run.place_B - gone_samples_B,
            run.lag_B,
            run.jitter_B,
            run.shimmer_B,
        ),
    )


def tensors(state: StreamState) -> list[Tensor]:
    """All that a state holds, each [B, ...]."""
    path, run = state.path, state.run
    return [
        state.samples_BN,
        state.held_B,
        state.short_B,
        state.long_B,
        path.cost_BS,
        path.candidate_BC,
        path.back_BKS,
        path.pitch_BKS,
        path.open_B,
        path.late_B,
        run.open_B,
        run.position_B,
        run.length_B,
        run.place_B,
        run.lag_B,
        run.jitter_B,
        run.shimmer_B,
    ]


def of_tensors(parts: list[Tensor]) -> StreamState:
    """The state that `tensors` took apart."""
    path = PathState(parts[4], parts[5], parts[6], parts[7], parts[8], parts[9])
    run = OpenRun(parts[10], parts[11], parts[12], parts[13], parts[14], parts[15], parts[16])
    return StreamState(parts[0], parts[1], parts[2], parts[3], path, run)


def pick(state: StreamState, stream_B: Tensor) -> StreamState:
    """A copy of the rows of some streams."""
    return of_tensors([tensor.index_select(0, stream_B) for tensor in tensors(state)])


def put(state: StreamState, stream_B: Tensor, rows: StreamState) -> None:
    """Write the rows of some streams into the state of all, in place."""
    for all_streams, some in zip(tensors(state), tensors(rows)):  # noqa: B905 - TorchScript's zip has no `strict`
        all_streams.index_copy_(0, stream_B, some)
