"""Jitter and shimmer: how much neighbouring pitch periods differ in length and in amplitude.

Local jitter is the mean absolute difference of consecutive periods over the mean period; local shimmer
compares peak-to-peak amplitudes of neighbouring stretches likewise, in dB as 20 log10(1 + shimmer)
(Titze, "Workshop on Acoustic Voice Analysis", 1995; Praat's "local" measures).

Delay: that of the pitch path; a frame reads up to two periods before itself and nothing behind its 60 ms.
What a voiced run carries from frame to frame is held per row, so that a run may be cut anywhere.

Quirks: a period counts where its correlation exceeds 0.5; a frame without one repeats the last value of its
run; the first period of a run has nothing to be compared with and gives jitter 0; peak-to-peak leaves out the
first and the last sample of a stretch.

Dimensions: B rows, T samples of a row, V voiced frames, R runs, A periods, G accepted periods, L samples of a
stretch.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from .framing import QUANTISATION_STEPS
from .periods import PeriodChain, Periods, VoicedRuns, voiced_runs
from .pitch import parabola


class OpenRun(NamedTuple):
    """What a run leaves to its next frame, for the rows whose last frame was voiced (`open_B`).

    `position_B` is the sample of the row at which the chain stands. Of the last accepted period: its length
    in samples (0 if there was none), its first sample and its whole lag. `jitter_B` and `shimmer_B` are the
    values of the last frame, both ratios. Where no run is open the rest may be anything.
    """

    open_B: Tensor
    position_B: Tensor
    length_B: Tensor
    place_B: Tensor
    lag_B: Tensor
    jitter_B: Tensor
    shimmer_B: Tensor


class VoicedFrames(NamedTuple):
    """The voiced ones among the frames of a push, in order.

    `start_V` is the first sample of each in the flattened rows, `frequency_V` its pitch in Hz, `row_V` its
    row.
    `first_B` and `last_B` are where the first and the last frame of each row start, voiced or not; of a row
    without a frame the last lies before the first.
    """

    start_V: Tensor
    frequency_V: Tensor
    row_V: Tensor
    first_B: Tensor
    last_B: Tensor


class Carried(NamedTuple):
    """What each run carries from before, all 0 where it begins; the place counts along the flattened rows."""

    row_R: Tensor
    length_R: Tensor
    place_R: Tensor
    lag_R: Tensor
    jitter_R: Tensor
    shimmer_R: Tensor


class Accepted(NamedTuple):
    """Accepted periods: frame, run, first sample, whole lag, interpolated length."""

    frame_G: Tensor
    run_G: Tensor
    place_G: Tensor
    lag_G: Tensor
    length_G: Tensor


def carry(frames: VoicedFrames, before: OpenRun, row_samples: int) -> tuple[VoicedRuns, Carried]:
    """The runs of voiced frames, those at the start of a row going on where the row's open run stands."""
    runs = voiced_runs(frames.start_V, frames.frequency_V)
    row_R = frames.row_V.index_select(0, runs.first_R)
    offset_R = row_R * row_samples
    at_start_R = runs.position_R == frames.first_B.index_select(0, row_R)
    goes_on_R = before.open_B.index_select(0, row_R) & at_start_R
    position_R = before.position_B.index_select(0, row_R) + offset_R
    position_R = torch.where(goes_on_R, position_R, runs.position_R)
    carried = Carried(
        row_R,
        before.length_B.index_select(0, row_R) * goes_on_R,
        before.place_B.index_select(0, row_R) + offset_R,
        before.lag_B.index_select(0, row_R) * goes_on_R,
        before.jitter_B.index_select(0, row_R) * goes_on_R,
        before.shimmer_B.index_select(0, row_R) * goes_on_R,
    )
    moved = VoicedRuns(runs.start_V, runs.frequency_V, runs.run_V, runs.first_R, runs.last_R, position_R)
    return moved, carried


def peak_to_peak(samples_N: Tensor, position_A: Tensor, lag_A: Tensor, longest: int) -> Tensor:
    """Maximum minus minimum of samples 1 to lag - 2 of the stretches at `position_A`, [A]."""
    stretch_AL = samples_N.unfold(0, longest, 1).index_select(0, position_A + 1)
    sample_L = torch.arange(longest, device=samples_N.device)
    # Samples outside the stretch are replaced by its first, which changes neither extreme.
    inside_AL = sample_L < lag_A[:, None] - 2
    stretch_AL = torch.where(inside_AL, stretch_AL, stretch_AL[:, :1])
    return stretch_AL.amax(1) - stretch_AL.amin(1)


def total_by_frame(values_G: Tensor, frame_G: Tensor, frames: int) -> Tensor:
    """Sum of the values of each voiced frame, [V]."""
    return torch.zeros([frames], dtype=values_G.dtype, device=values_G.device).index_add(0, frame_G, values_G)


def before(values_G: Tensor, first_G: Tensor, run_G: Tensor, carried_R: Tensor) -> Tensor:
    """The value of the period before each, which the first of a run carries from earlier."""
    shifted_G = torch.cat([values_G[:1], values_G[:-1]])
    return torch.where(first_G, carried_R.index_select(0, run_G), shifted_G)


def hold(value_V: Tensor, present_V: Tensor, runs: VoicedRuns, carried_R: Tensor) -> Tensor:
    """Fill frames without a value with the last one of their run, which may have been carried."""
    number_V = torch.arange(value_V.shape[0], device=value_V.device)
    source_V = torch.where(present_V, number_V, torch.zeros_like(number_V)).cummax(0)[0]
    valid_V = present_V.index_select(0, source_V) & (source_V >= runs.first_R.index_select(0, runs.run_V))
    return torch.where(valid_V, value_V.index_select(0, source_V), carried_R.index_select(0, runs.run_V))


def latest(run_G: Tensor, runs: int) -> Tensor:
    """The last period of each run as a place in what is carried (one each) followed by the periods, [R]."""
    place_R = torch.arange(runs, device=run_G.device)
    place_G = torch.arange(runs, runs + run_G.shape[0], device=run_G.device)
    return place_R.scatter_reduce(0, run_G, place_G, "amax")


def replace(values_B: Tensor, row_R: Tensor, values_R: Tensor) -> Tensor:
    """Put the values of runs into their rows; row B is nowhere."""
    return torch.cat([values_B, values_B.new_zeros([1])]).index_copy(0, row_R, values_R)[:-1]


class Perturbation(torch.nn.Module):
    """Jitter (ratio) and shimmer (dB) of voiced frames."""

    least_correlation: Final[float] = 0.5
    steps: Final[float] = QUANTISATION_STEPS
    block_periods: Final[int] = 4096

    def __init__(self) -> None:
        super().__init__()
        self.chain = PeriodChain()

    @torch.jit.export
    def begin(self, rows: int, device: torch.device) -> OpenRun:
        """No run is open in any row."""
        none_B = torch.zeros([rows], dtype=torch.int64, device=device)
        zero_B = none_B.to(torch.float64)
        return OpenRun(none_B > 0, none_B, zero_B, none_B, none_B, zero_B, zero_B)

    def forward(self, samples_BT: Tensor, frames: VoicedFrames, state: OpenRun) -> tuple[Tensor, OpenRun]:
        """[V, 2], jitter and shimmer, and what the runs leave to the frames to come.

        The last frame must be followed by `READ_AHEAD_SAMPLES` samples.
        """
        waiting_B = state.open_B & (frames.last_B < frames.first_B)
        if frames.start_V.shape[0] == 0:
            values_V2 = torch.zeros([0, 2], dtype=samples_BT.dtype, device=samples_BT.device)
            return values_V2, OpenRun(
                waiting_B,
                state.position_B,
                state.length_B,
                state.place_B,
                state.lag_B,
                state.jitter_B,
                state.shimmer_B,
            )
        row_samples = samples_BT.shape[1]
        runs, carried = carry(frames, state, row_samples)
        periods = self.chain((samples_BT.to(torch.float64) * self.steps).round_(), runs)
        accepted = self.accept(periods, runs)
        jitter_V = self.jitter(accepted, runs, carried)
        shimmer_V = self.shimmer(samples_BT.flatten(), accepted, runs, carried)
        values_V2 = torch.stack([jitter_V, 20.0 * torch.log10(1.0 + shimmer_V)], 1).to(samples_BT.dtype)
        latest_R = latest(accepted.run_G, carried.row_R.shape[0])
        open_R = runs.start_V.index_select(0, runs.last_R) == frames.last_B.index_select(0, carried.row_R)
        row_R = torch.where(open_R, carried.row_R, torch.full_like(carried.row_R, waiting_B.shape[0]))
        offset_R = carried.row_R * row_samples
        place_R = torch.cat([carried.place_R, accepted.place_G]).index_select(0, latest_R) - offset_R
        return values_V2, OpenRun(
            replace(waiting_B, row_R, open_R),
            replace(state.position_B, row_R, periods.position_R - offset_R),
            replace(
                state.length_B,
                row_R,
                torch.cat([carried.length_R, accepted.length_G]).index_select(0, latest_R),
            ),
            replace(state.place_B, row_R, place_R),
            replace(state.lag_B, row_R, torch.cat([carried.lag_R, accepted.lag_G]).index_select(0, latest_R)),
            replace(state.jitter_B, row_R, jitter_V.index_select(0, runs.last_R)),
            replace(state.shimmer_B, row_R, shimmer_V.index_select(0, runs.last_R)),
        )

    @torch.jit.export
    def accept(self, periods: Periods, runs: VoicedRuns) -> Accepted:
        """The periods that correlate well enough, with their interpolated lengths in samples."""
        left_A, centre_A, right_A = periods.correlation_A3.unbind(1)
        offset_A, height_A = parabola(left_A, centre_A, right_A)
        accepted_G = ((periods.lag_A > 0) & (height_A > self.least_correlation)).nonzero()[:, 0]
        frame_G = periods.frame_A.index_select(0, accepted_G)
        lag_G = periods.lag_A.index_select(0, accepted_G)
        return Accepted(
            frame_G,
            runs.run_V.index_select(0, frame_G),
            periods.position_A.index_select(0, accepted_G),
            lag_G,
            lag_G.to(torch.float64) + offset_A.index_select(0, accepted_G),
        )

    @torch.jit.export
    def jitter(self, accepted: Accepted, runs: VoicedRuns, carried: Carried) -> Tensor:
        """Mean absolute difference over mean length per frame, at most 1, [V]."""
        frames, length_G, run_G = runs.start_V.shape[0], accepted.length_G, accepted.run_G
        first_G = torch.ones_like(run_G, dtype=torch.bool)
        first_G[1:] = run_G[1:] != run_G[:-1]
        before_G = before(length_G, first_G, run_G, carried.length_R)
        # A period that sticks out of its frame is measured again by the next: exactly nothing has changed.
        again_G = accepted.place_G == before(accepted.place_G, first_G, run_G, carried.place_R)
        again_G = again_G & (accepted.lag_G == before(accepted.lag_G, first_G, run_G, carried.lag_R))
        compared_G = before_G > 0.0
        change_G = (length_G - before_G).abs() * (compared_G & ~again_G)
        number_V = total_by_frame(torch.ones_like(length_G), accepted.frame_G, frames)
        compared_V = total_by_frame(compared_G.to(length_G.dtype), accepted.frame_G, frames)
        change_V = total_by_frame(change_G, accepted.frame_G, frames)
        mean_length_V = total_by_frame(length_G, accepted.frame_G, frames) / number_V.clamp(min=1.0)
        ratio_V = change_V / compared_V.clamp(min=1.0) / mean_length_V.clamp(min=1.0)
        return hold(ratio_V.clamp(max=1.0), number_V > 0.0, runs, carried.jitter_R)

    @torch.jit.export
    def shimmer(self, samples_N: Tensor, accepted: Accepted, runs: VoicedRuns, carried: Carried) -> Tensor:
        """Amplitude difference over amplitude per frame, at most 1, [V]."""
        frames, frame_G = runs.start_V.shape[0], accepted.frame_G
        longest = int(accepted.lag_G.max()) if frame_G.shape[0] > 0 else 1
        first, second = [samples_N[:0]], [samples_N[:0]]
        for begin in range(0, frame_G.shape[0], self.block_periods):
            place_A = accepted.place_G[begin : begin + self.block_periods]
            lag_A = accepted.lag_G[begin : begin + self.block_periods]
            first.append(peak_to_peak(samples_N, place_A, lag_A, longest))
            second.append(peak_to_peak(samples_N, place_A + lag_A, lag_A, longest))
        first_G, second_G = torch.cat(first).to(torch.float64), torch.cat(second).to(torch.float64)
        number_V = total_by_frame(torch.ones_like(first_G), frame_G, frames)
        amplitude_V = total_by_frame(0.5 * (first_G + second_G), frame_G, frames)
        change_V = total_by_frame((first_G - second_G).abs(), frame_G, frames)
        ratio_V = change_V / torch.where(amplitude_V > 0.0, amplitude_V, torch.ones_like(amplitude_V))
        return hold(ratio_V.clamp(max=1.0), number_V > 0.0, runs, carried.shimmer_R)
