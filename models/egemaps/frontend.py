"""The front end: waveforms to descriptors, descriptors to functionals, as one scriptable module.

    samples kept + new -> 20 ms frames -> spectral descriptors
                       -> 60 ms frames -> pitch candidates -> path -> decided frames, of these the voiced
                                       -> formants, harmonics, jitter, shimmer
    Descriptors -> 88 functionals

There is one way through it, `advance`: any number of new samples for each of a batch of streams, whose state
is a row of tensors each. A whole waveform is a stream that begins and ends in the same call. Every stage is a
computation on single frames, but for three: the flux (the frame before), the pitch path (up to 39 frames
ahead), and the pitch periods (the voiced run so far).

Method: Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and
Affective Computing", IEEE Transactions on Affective Computing 7(2), 2016.

Dimensions: B rows, T samples or 20 ms frames, W samples kept and new, U 60 ms frames, N samples of all rows,
M frames of all rows, V voiced frames, L samples of a frame, K bins, C pitch candidates, D descriptors, F
functionals.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from cmlstream.models.contract import FRAME_STEP_SAMPLES, SAMPLE_RATE

from .families import FrameDescriptors
from .framing import FrameList, check_lengths, frame_counts, list_frames
from .functionals import Descriptors, Functionals, join
from .harmonics import UNDEFINED_LEVEL_DB
from .lld import DescriptorTable, tabulate
from .names import FEATURE_NAMES
from .perturbation import OpenRun, Perturbation, VoicedFrames
from .state import KEPT_SAMPLES, StreamState, append, keep, pick, put
from .viterbi import Decision, PathState, PitchPath, read_pitch


class FrontEnd(torch.nn.Module):
    """eGeMAPS v02 at 16 kHz, for batches of whole waveforms and of streams.

    Scriptable (`torch.jit.script(FrontEnd())` carries every method), and its results are finite for any
    input: samples that are not finite count as 0, and a waveform of under 960 samples, which has no frame,
    gives 88 zeros. A waveform without a voiced frame, which `voiced` tells, gives 0 in whatever needs
    voicing, but for the formant amplitudes (-201 dB). Whole numbers for samples, and lengths beyond the
    padded ones, raise ValueError.

    >>> import torch
    >>> front_end = FrontEnd()
    >>> waveform_BT = 0.1 * torch.randn(2, 16000, generator=torch.Generator().manual_seed(1))
    >>> features_BF = front_end(waveform_BT, torch.tensor([16000, 12000]))
    >>> features_BF.shape
    torch.Size([2, 88])

    Streams, see `cmlstream.models.egemaps.stream`, are pushed on in the same way:

    >>> state = front_end.begin(2)
    >>> going_on = torch.tensor([False, False])
    >>> state, decided = front_end.advance(state, waveform_BT, torch.tensor([4000, 100]), going_on)
    >>> decided.long_B, state.path.open_B  # 60 ms frames decided for good, and open ones
    (tensor([19,  0]), tensor([1, 0]))
    """

    kept_samples: Final[int] = KEPT_SAMPLES
    hop_samples: Final[int] = FRAME_STEP_SAMPLES
    least_level: Final[float] = 0.001
    undefined: Final[float] = UNDEFINED_LEVEL_DB
    block_samples: Final[int] = 1 << 20

    def __init__(self) -> None:
        super().__init__()
        self.frames = FrameDescriptors()
        self.path = PitchPath()
        self.perturbation = Perturbation()
        self.summary = Functionals()

    def forward(self, waveform_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """The 88 functionals, float32 [B, 88], in the order of `FEATURE_NAMES`.

        `waveform_BT` holds samples in [-1, 1), `lengths_B` (int64) how many of each row are real.
        """
        return self.functionals(self.descriptors(waveform_BT, lengths_B))

    @torch.jit.export
    def functionals(self, descriptors: Descriptors) -> Tensor:
        """The 88 functionals of raw descriptors, float32 [B, 88]."""
        features_BF: Tensor = self.summary(descriptors)
        return features_BF

    @torch.jit.export
    def voiced(self, descriptors: Descriptors) -> Tensor:
        """How many frames have a pitch, [B]; without any, what needs voicing says nothing (0 or -201 dB)."""
        return (descriptors.frequency_BU > 0.0).sum(1)

    @torch.jit.export
    def descriptors(self, waveform_BT: Tensor, lengths_B: Tensor) -> Descriptors:
        """The raw descriptors of whole waveforms (formants in voiced frames only)."""
        lengths_B = check_lengths(waveform_BT, lengths_B)
        rows = lengths_B.shape[0]
        state = self.begin(rows)
        # A long recording goes through in pieces, so that memory grows with its descriptors only.
        block = max(self.block_samples // max(rows, 1), 2 * self.kept_samples)
        pieces: list[Descriptors] = []
        for first in range(0, max(waveform_BT.shape[1], 1), block):
            piece_BT = waveform_BT[:, first : first + block]
            ends_B = lengths_B <= first + piece_BT.shape[1]
            piece_lengths_B = (lengths_B - first).clamp(0, piece_BT.shape[1])
            state, piece = self.advance(state, piece_BT, piece_lengths_B, ends_B)
            pieces.append(piece)
        return join(pieces)

    @torch.jit.export
    def begin(self, rows: int) -> StreamState:
        """The state of `rows` streams that have not begun."""
        device = self.frames.window_L.device
        none_B = torch.zeros([rows], dtype=torch.int64, device=device)
        samples_BN = torch.zeros([rows, self.kept_samples], device=device)
        path, run = self.path.begin(rows, device), self.perturbation.begin(rows, device)
        # Picked, so that no two tensors share memory: `push` writes into them.
        return pick(
            StreamState(samples_BN, none_B, none_B, none_B, path, run), torch.arange(rows, device=device)
        )

    @torch.jit.export
    def push(
        self,
        streams: StreamState,
        stream_B: Tensor,
        waveform_BT: Tensor,
        lengths_B: Tensor,
        ends_B: Tensor,
    ) -> Descriptors:
        """`advance` some of many streams, each named once in `stream_B`, and their state in place."""
        rows, descriptors = self.advance(pick(streams, stream_B), waveform_BT, lengths_B, ends_B)
        put(streams, stream_B, rows)
        return descriptors

    @torch.jit.export
    def reset(self, streams: StreamState, stream_B: Tensor) -> None:
        """Let some of many streams begin anew, their open frames forgotten."""
        put(streams, stream_B, self.begin(stream_B.shape[0]))

    @torch.jit.export
    def advance(
        self, state: StreamState, waveform_BT: Tensor, lengths_B: Tensor, ends_B: Tensor
    ) -> tuple[StreamState, Descriptors]:
        """Take in the first `lengths_B` samples of each row; return the frames that this decides.

        What is returned is final: how the samples were cut, and which streams came together, changes nothing.
        Of the 60 ms frames, those whose pitch is still open (`state.path.open_B`) are held back until later
        samples decide them, or until the stream ends: where `ends_B` holds, all frames come out and the row
        begins anew.
        """
        lengths_B = check_lengths(waveform_BT, lengths_B)
        samples_BW = append(state, waveform_BT, lengths_B)
        held_B = state.held_B + lengths_B
        short_B = frame_counts(held_B, self.frames.short_samples)
        long_B = frame_counts(held_B, self.frames.long_samples)
        short_BTD = self.frames.spectral_frames(samples_BW, state.short_B, short_B)
        path, decision = self.search(samples_BW, state, long_B)
        until_B = torch.where(ends_B, decision.end_B, decision.decided_B)
        # Places of the decision count from 39 frames before the first new one.
        shift_B = state.long_B - self.path.delay_frames
        released = list_frames(decision.first_B + shift_B, until_B + shift_B, samples_BW.shape[1])
        frequency_BU = read_pitch(decision, until_B, released.width)
        voice_BUD, run = self.voice(samples_BW, released, frequency_BU, state)
        moved = StreamState(samples_BW, held_B, short_B, long_B, path, run)
        descriptors = Descriptors(
            short_BTD[:, :, 1:],
            short_BTD[:, :, 0],
            frequency_BU,
            voice_BUD,
            short_B - state.short_B,
            released.count_B,
            decision.decided_B - decision.first_B,
        )
        return keep(moved, until_B + shift_B, ends_B), descriptors

    @torch.jit.export
    def search(self, samples_BW: Tensor, state: StreamState, long_B: Tensor) -> tuple[PathState, Decision]:
        """Search the path of the pitch on through the new 60 ms frames."""
        pitch_BUD = self.frames.pitch_frames(samples_BW, state.long_B, long_B)
        slots = self.frames.candidates.slots
        loud_BU = pitch_BUD[:, :, -1] > self.least_level
        candidates = (pitch_BUD[:, :, :slots], pitch_BUD[:, :, slots:-1], loud_BU)
        searched: tuple[PathState, Decision] = self.path(
            state.path, state.long_B, candidates, long_B - state.long_B
        )
        return searched

    @torch.jit.export
    def voice(
        self, samples_BW: Tensor, frames: FrameList, frequency_BU: Tensor, state: StreamState
    ) -> tuple[Tensor, OpenRun]:
        """The 14 voice descriptors of 60 ms frames, [B, U, 14], and what open runs leave."""
        rows, width = frequency_BU.shape
        cell_M = frames.row_M * width + frames.number_M
        frequency_M = frequency_BU.flatten().index_select(0, cell_M)
        voiced_V = (frequency_M > 0.0).nonzero()[:, 0]
        start_V, frequency_V = frames.start_M.index_select(0, voiced_V), frequency_M.index_select(0, voiced_V)
        row_V = frames.row_M.index_select(0, voiced_V)
        last_B = frames.begin_B + (frames.count_B - 1) * self.hop_samples
        voiced = VoicedFrames(start_V, frequency_V, row_V, frames.begin_B, last_B)
        perturbation_V2, run = self.perturbation(samples_BW, voiced, state.run)
        spectral_VD = self.frames.voiced_frames(samples_BW.flatten(), start_V, frequency_V)
        table_BUD = torch.zeros([rows * width, 14], device=samples_BW.device)
        table_BUD[:, 7::3] = self.undefined
        values_VD = torch.cat([perturbation_V2, spectral_VD], 1)
        cell_V = cell_M.index_select(0, voiced_V)
        return table_BUD.index_copy(0, cell_V, values_VD).view(rows, width, 14), run

    @torch.jit.export
    def lld(self, waveform_BT: Tensor, lengths_B: Tensor) -> DescriptorTable:
        """The 25 smoothed descriptors of whole waveforms, formants in unvoiced frames too."""
        descriptors = self.descriptors(waveform_BT, lengths_B)
        return tabulate(descriptors, self.frames.every_formant(waveform_BT, descriptors))


def extract(waveform: Tensor | Sequence[float], sample_rate: int = SAMPLE_RATE) -> dict[str, float]:
    """The 88 functionals of one waveform by name.

    `waveform` holds samples in [-1, 1) at 16 kHz. Raises `ValueError` for another rate: resample first.

    >>> import math
    >>> tone = [0.5 * math.sin(2 * math.pi * 220 * n / 16000) for n in range(16000)]
    >>> round(extract(tone)["F0semitoneFrom27.5Hz_sma3nz_amean"])
    36
    """
    if sample_rate != SAMPLE_RATE:
        raise ValueError(
            f"eGeMAPS is computed at {SAMPLE_RATE} Hz, not at {sample_rate} Hz: resample the waveform first"
        )
    waveform_T = torch.as_tensor(waveform, dtype=torch.float32)
    with torch.inference_mode():
        features_F = FrontEnd()(waveform_T[None], torch.tensor([waveform_T.shape[0]]))[0]
    return dict(zip(FEATURE_NAMES, features_F.tolist(), strict=True))
