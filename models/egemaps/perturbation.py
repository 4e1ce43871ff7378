"""Jitter and shimmer: how much neighbouring pitch periods differ in length and in amplitude.

Local jitter is the mean absolute difference of consecutive periods over the mean period; local shimmer
compares peak-to-peak amplitudes of neighbouring stretches likewise, in dB as 20 log10(1 + shimmer)
(Titze, "Workshop on Acoustic Voice Analysis", 1995; Praat's "local" measures).

Delay: that of the pitch path; a frame reads up to one period before itself and nothing behind its 60 ms.

Quirks: a period counts where its correlation exceeds 0.5; a frame without one repeats the last value of its
run; the first period of a run has nothing to be compared with and gives jitter 0; peak-to-peak leaves out the
first and the last sample of a stretch.

Dimensions: V voiced frames, A periods, G accepted periods, L samples.
"""

from typing import Final

import torch
from torch import Tensor

from .periods import PeriodChain, VoicedRuns
from .pitch import parabola


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


def hold(value_V: Tensor, present_V: Tensor, runs: VoicedRuns) -> Tensor:
    """Fill frames without a value with the last one of their run, or 0."""
    number_V = torch.arange(value_V.shape[0], device=value_V.device)
    source_V = torch.where(present_V, number_V, torch.zeros_like(number_V)).cummax(0)[0]
    valid_V = present_V.index_select(0, source_V) & (source_V >= runs.first_R.index_select(0, runs.run_V))
    return value_V.index_select(0, source_V) * valid_V


class Perturbation(torch.nn.Module):
    """Jitter (ratio) and shimmer (dB) of voiced frames."""

    least_correlation: Final[float] = 0.5
    block_periods: Final[int] = 4096

    def __init__(self) -> None:
        super().__init__()
        self.chain = PeriodChain()

    def forward(self, samples_N: Tensor, runs: VoicedRuns) -> Tensor:
        """[V, 2], jitter and shimmer."""
        if runs.start_V.shape[0] == 0:
            return torch.zeros([0, 2], dtype=samples_N.dtype, device=samples_N.device)
        periods = self.chain(samples_N, runs)
        left_A, centre_A, right_A = periods.correlation_A3.unbind(1)
        offset_A, height_A = parabola(left_A, centre_A, right_A)
        accepted_G = ((periods.lag_A > 0) & (height_A > self.least_correlation)).nonzero()[:, 0]
        frame_G = periods.frame_A.index_select(0, accepted_G)
        lag_G = periods.lag_A.index_select(0, accepted_G)
        length_G = lag_G.to(torch.float64) + offset_A.index_select(0, accepted_G)
        position_G = periods.position_A.index_select(0, accepted_G)
        # A period that sticks out of its frame is measured again by the next: exactly nothing has changed.
        again_G = torch.zeros_like(lag_G, dtype=torch.bool)
        again_G[1:] = (position_G[1:] == position_G[:-1]) & (lag_G[1:] == lag_G[:-1])
        jitter_V = self.jitter(length_G, again_G, frame_G, runs)
        shimmer_V = self.shimmer(samples_N, position_G, lag_G, frame_G, runs)
        return torch.stack([jitter_V, shimmer_V], 1).to(samples_N.dtype)

    @torch.jit.export
    def jitter(self, length_G: Tensor, again_G: Tensor, frame_G: Tensor, runs: VoicedRuns) -> Tensor:
        """Mean absolute difference over mean length per frame, at most 1; periods met again do not differ."""
        frames = runs.start_V.shape[0]
        run_G = runs.run_V.index_select(0, frame_G)
        compared_G = torch.zeros_like(length_G)
        compared_G[1:] = (run_G[1:] == run_G[:-1]).to(length_G.dtype)
        change_G = torch.zeros_like(length_G)
        change_G[1:] = (length_G[1:] - length_G[:-1]).abs() * ~again_G[1:]
        number_V = total_by_frame(torch.ones_like(length_G), frame_G, frames)
        compared_V = total_by_frame(compared_G, frame_G, frames)
        change_V = total_by_frame(change_G * compared_G, frame_G, frames)
        mean_length_V = total_by_frame(length_G, frame_G, frames) / number_V.clamp(min=1.0)
        ratio_V = change_V / compared_V.clamp(min=1.0) / mean_length_V.clamp(min=1.0)
        return hold(ratio_V.clamp(max=1.0), number_V > 0.0, runs)

    @torch.jit.export
    def shimmer(
        self, samples_N: Tensor, position_G: Tensor, lag_G: Tensor, frame_G: Tensor, runs: VoicedRuns
    ) -> Tensor:
        """Amplitude difference over amplitude per frame, at most 1, in dB."""
        frames = runs.start_V.shape[0]
        longest = int(lag_G.max()) if lag_G.shape[0] > 0 else 1
        first, second = [samples_N[:0]], [samples_N[:0]]
        for begin in range(0, lag_G.shape[0], self.block_periods):
            position_A = position_G[begin : begin + self.block_periods]
            lag_A = lag_G[begin : begin + self.block_periods]
            first.append(peak_to_peak(samples_N, position_A, lag_A, longest))
            second.append(peak_to_peak(samples_N, position_A + lag_A, lag_A, longest))
        first_G, second_G = torch.cat(first).to(torch.float64), torch.cat(second).to(torch.float64)
        number_V = total_by_frame(torch.ones_like(first_G), frame_G, frames)
        amplitude_V = total_by_frame(0.5 * (first_G + second_G), frame_G, frames)
        change_V = total_by_frame((first_G - second_G).abs(), frame_G, frames)
        ratio_V = change_V / torch.where(amplitude_V > 0.0, amplitude_V, torch.ones_like(amplitude_V))
        ratio_V = hold(ratio_V.clamp(max=1.0), number_V > 0.0, runs)
        return 20.0 * torch.log10(1.0 + ratio_V)
