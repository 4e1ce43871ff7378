"""The pitch periods of the waveform, found one after another inside each voiced run.

At position q the period is the lag k whose stretches x[q .. q+k) and x[q+k .. q+2k) correlate best (Boersma,
"Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound", IFA Proceedings 17, 1993), k within 10 % of the period that the pitch of the frame predicts; the next
position is q + k. The chain is sequential, but runs are independent: all of them advance together, one period
a step, and whatever does not steer the chain is computed afterwards for all periods at once.

State of a run: the position q and the frame it is in. A frame t (its start f, its predicted period T, lags lo
to hi) is left when q reaches f + 160 - 2 hi - 1; a position beyond f + 159 is dropped, so that a period that
sticks out of its frame is measured again by the next.

Quirks: the last two lags are never accepted as maxima; where no maximum is found the chain goes on by T.

Dimensions: N samples, V voiced frames, E table entries (V and one stop per run), R runs, J lags, L samples.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from cmlstream.models.contract import FRAME_STEP_SAMPLES, SAMPLE_RATE

LONGEST_PERIOD_SAMPLES = 291
"""16 kHz over the lowest pitch, 55 Hz."""
READ_AHEAD_SAMPLES = 4 * LONGEST_PERIOD_SAMPLES
FARTHEST = 1 << 60


class VoicedRuns(NamedTuple):
    """Voiced frames, listed run after run.

    `start_V` is the first sample of each frame, `frequency_V` its pitch in Hz, `run_V` the number of its run,
    `first_R` the first frame of each run.
    """

    start_V: Tensor
    frequency_V: Tensor
    run_V: Tensor
    first_R: Tensor


class Periods(NamedTuple):
    """Periods examined, in order within each run: A of them.

    `frame_A` is the voiced frame, `position_A` the first sample, `lag_A` the whole lag (samples), and
    `correlation_A3` the correlation at that lag and its neighbours; where no maximum was found there is none.
    """

    frame_A: Tensor
    position_A: Tensor
    lag_A: Tensor
    correlation_A3: Tensor


def voiced_runs(start_V: Tensor, frequency_V: Tensor, hop_samples: int = FRAME_STEP_SAMPLES) -> VoicedRuns:
    """Group voiced frames, given in order, into runs of neighbours."""
    begins_V = torch.ones_like(start_V, dtype=torch.bool)
    begins_V[1:] = start_V[1:] - start_V[:-1] != hop_samples
    return VoicedRuns(start_V, frequency_V, begins_V.cumsum(0) - 1, begins_V.nonzero()[:, 0])


class Steering(NamedTuple):
    """What steers the chain in each entry: one per voiced frame, and behind each run a stop that never moves.

    `rule_E5`: lowest lag, number of lags less one, step where there is no maximum, position to stay below to
    keep the next position, position to stay below to remain in the frame.
    """

    rule_E5: Tensor
    entry_V: Tensor
    start_R: Tensor
    stop_R: Tensor


class Walkers(NamedTuple):
    """Where the chains stand: entry, position, the stop of the run, number and length of the lags it uses."""

    entry_R: Tensor
    position_R: Tensor
    stop_R: Tensor
    lags_R: Tensor
    longest_R: Tensor


class Record(NamedTuple):
    """One step of all chains: entry, position, lag (0 without a maximum), correlation around it."""

    entry_R: Tensor
    position_R: Tensor
    lag_R: Tensor
    correlation_R3: Tensor


def steer(
    runs: VoicedRuns,
    hop_samples: int = FRAME_STEP_SAMPLES,
    sample_rate: int = SAMPLE_RATE,
    farthest: int = FARTHEST,
) -> Steering:
    """The rules of every voiced frame and, with arbitrary lags, of the stops."""
    period_V = sample_rate / runs.frequency_V.to(torch.float64)
    lowest_V = torch.floor(0.9 * period_V).to(torch.int64)
    highest_V = torch.ceil(1.1 * period_V).to(torch.int64)
    limit_V = runs.start_V + hop_samples - 1
    step_V = torch.floor(period_V + 0.5).to(torch.int64)
    rule_V5 = torch.stack([lowest_V, highest_V - lowest_V, step_V, limit_V, limit_V - 2 * highest_V], 1)
    entry_V = torch.arange(runs.start_V.shape[0], device=runs.start_V.device) + runs.run_V
    entries = entry_V.shape[0] + runs.first_R.shape[0]
    stop_5 = torch.tensor([16, 4, 16, -farthest, farthest], device=entry_V.device)
    rule_E5 = stop_5.repeat(entries, 1).index_copy(0, entry_V, rule_V5)
    start_R = entry_V.index_select(0, runs.first_R)
    stop_R = torch.cat([start_R[1:], torch.full_like(start_R[:1], entries)]) - 1
    return Steering(rule_E5, entry_V, start_R, stop_R)


def most_by_run(values_V: Tensor, runs: VoicedRuns) -> Tensor:
    """The largest value in each run, [R]."""
    return torch.zeros_like(runs.first_R).scatter_reduce(0, runs.run_V, values_V, "amax")


def pick(walkers: Walkers, chosen_R: Tensor) -> Walkers:
    """Some of the walkers."""
    return Walkers(
        walkers.entry_R.index_select(0, chosen_R),
        walkers.position_R.index_select(0, chosen_R),
        walkers.stop_R.index_select(0, chosen_R),
        walkers.lags_R.index_select(0, chosen_R),
        walkers.longest_R.index_select(0, chosen_R),
    )


class PeriodChain(torch.nn.Module):
    """Walks all voiced runs at once."""

    reciprocal_K: Tensor
    steps: Final[int] = 16
    group_runs: Final[int] = 256

    def __init__(self) -> None:
        super().__init__()
        # Longer than any lag by the number of lags of the longest period.
        length_K = torch.arange(2 * LONGEST_PERIOD_SAMPLES, dtype=torch.float64)
        self.register_buffer("reciprocal_K", length_K.clamp(min=1.0).reciprocal())

    @torch.jit.export
    def products(
        self, samples_N: Tensor, position_R: Tensor, lowest_R: Tensor, lags: int, longest: int
    ) -> Tensor:
        """Sums of x[q + n] x[q + n + k] over n < k for `lags` lags k from `lowest_R` on, [R, J]."""
        # n < lowest is common to all lags; behind it each lag has one product more than the one before.
        rows, span = position_R.shape[0], lags + longest
        sample_L = torch.arange(longest, device=samples_N.device)
        head_RL = samples_N.unfold(0, longest, 1).index_select(0, position_R) * (sample_L < lowest_R[:, None])
        late_position_R = position_R + lowest_R
        late_RL = samples_N.unfold(0, span, 1).index_select(0, late_position_R)
        tail_RL = samples_N.unfold(0, 2 * lags, 1).index_select(0, late_position_R + lowest_R)
        square_RJL = late_RL.as_strided([rows, lags, longest], [span, 1, 1]) * head_RL[:, None]
        triangle_RJJ = tail_RL.as_strided([rows, lags, lags], [2 * lags, 1, 1]).tril(-1)
        return square_RJL.sum(2).add_(triangle_RJJ.mul_(late_RL[:, None, :lags]).sum(2))

    @torch.jit.export
    def correlate(
        self, samples_N: Tensor, sums_N: Tensor, position_R: Tensor, lowest_R: Tensor, lags: int, longest: int
    ) -> Tensor:
        """Normalised cross-correlation of neighbouring stretches for `lags` lags from `lowest_R` on, [R, J].

        `sums_N` are running sums of the samples (real) and their squares (imaginary) with a zero in front.
        """
        product_RJ = self.products(samples_N, position_R, lowest_R, lags, longest)
        middle_R = position_R + lowest_R
        middle_RJ = sums_N.unfold(0, lags, 1).index_select(0, middle_R)
        end_RJ = sums_N.unfold(0, 2 * lags, 1).index_select(0, middle_R + lowest_R)[:, ::2]
        first_RJ = torch.view_as_real(middle_RJ - sums_N.index_select(0, position_R)[:, None])
        second_RJ = torch.view_as_real(end_RJ - middle_RJ)
        reciprocal_RJ = self.reciprocal_K.unfold(0, lags, 1).index_select(0, lowest_R)
        sum_RJ, squares_RJ = first_RJ.select(2, 0), first_RJ.select(2, 1)
        later_sum_RJ, later_squares_RJ = second_RJ.select(2, 0), second_RJ.select(2, 1)
        mean_RJ, later_mean_RJ = sum_RJ * reciprocal_RJ, later_sum_RJ * reciprocal_RJ
        covariance_RJ = torch.addcmul(product_RJ, mean_RJ, later_sum_RJ, value=-1)
        spread_RJ = torch.addcmul(squares_RJ, mean_RJ, sum_RJ, value=-1)
        later_spread_RJ = torch.addcmul(later_squares_RJ, later_mean_RJ, later_sum_RJ, value=-1)
        return spread_RJ.mul_(later_spread_RJ).clamp_(min=1e-24).rsqrt_().mul_(covariance_RJ)

    @torch.jit.export
    def step(
        self,
        samples_N: Tensor,
        sums_N: Tensor,
        rule_E5: Tensor,
        walkers: Walkers,
        lag_J: Tensor,
        longest: int,
    ) -> tuple[Walkers, Record]:
        """Examine one period of every run; `lag_J` numbers the lags that can be maxima from 1 on."""
        entry_R, position_R = walkers.entry_R, walkers.position_R
        lowest_R, width_R, default_R, limit_R, stay_R = rule_E5.index_select(0, entry_R).unbind(1)
        lags = lag_J.shape[0] + 2
        value_RJ = self.correlate(samples_N, sums_N, position_R, lowest_R, lags, longest)
        change_RJ = value_RJ.diff(dim=1)
        peak_RJ = (change_RJ[:, :-1] > 0.0) & (change_RJ[:, 1:] < 0.0) & (lag_J < (width_R - 1)[:, None])
        height_R, best_R = value_RJ[:, 1:-1].masked_fill(~peak_RJ, -2.0).max(1)
        found_R = height_R > -2.0
        lag_R = (lowest_R + best_R).add_(1)
        around_R3 = value_RJ.unfold(1, 3, 1).gather(1, best_R[:, None, None].expand(-1, 1, 3))[:, 0]
        next_R = position_R + torch.where(found_R, lag_R, default_R)
        kept_R = torch.where(next_R < limit_R, next_R, position_R)
        moved = Walkers(
            entry_R + (next_R >= stay_R), kept_R, walkers.stop_R, walkers.lags_R, walkers.longest_R
        )
        return moved, Record(entry_R, position_R, lag_R * found_R, around_R3)

    def forward(self, samples_N: Tensor, runs: VoicedRuns) -> Periods:
        """All periods of all runs; `samples_N` must go on for `READ_AHEAD_SAMPLES` behind the last frame."""
        steering = steer(runs)
        samples_N = samples_N.to(torch.float64)
        sums_N = torch.complex(samples_N.cumsum(0), samples_N.square().cumsum(0))
        sums_N = torch.nn.functional.pad(sums_N, [1, 0])
        rule_V5 = steering.rule_E5.index_select(0, steering.entry_V)
        walkers = Walkers(
            steering.start_R,
            runs.start_V.index_select(0, runs.first_R),
            steering.stop_R,
            most_by_run(rule_V5[:, 1], runs) + 1,
            most_by_run(rule_V5[:, 0], runs),
        )
        records: list[Record] = []
        # Runs of similar periods walk together: the longest lag among them sets the work for all.
        order_R = walkers.longest_R.argsort()
        for first in range(0, order_R.shape[0], self.group_runs):
            group = pick(walkers, order_R[first : first + self.group_runs])
            records += self.walk(samples_N, sums_N, steering.rule_E5, group)
        return self.arrange(steering, records)

    @torch.jit.export
    def walk(self, samples_N: Tensor, sums_N: Tensor, rule_E5: Tensor, walkers: Walkers) -> list[Record]:
        """Lead all walkers to the stops of their runs; those that arrive leave the group now and then."""
        records: list[Record] = []
        while walkers.entry_R.shape[0] > 0:
            lags, longest = int(walkers.lags_R.max()), int(walkers.longest_R.max())
            lag_J = torch.arange(1, lags - 1, device=samples_N.device)
            for _ in range(self.steps):
                walkers, record = self.step(samples_N, sums_N, rule_E5, walkers, lag_J, longest)
                records.append(record)
            walkers = pick(walkers, (walkers.entry_R < walkers.stop_R).nonzero()[:, 0])
        return records

    @torch.jit.export
    def arrange(self, steering: Steering, records: list[Record]) -> Periods:
        """Put what the steps recorded into the order of the frames; steps spent at a stop fall away."""
        frame_E = torch.full_like(steering.rule_E5[:, 0], -1)
        number_V = torch.arange(steering.entry_V.shape[0], device=frame_E.device)
        frame_E.index_copy_(0, steering.entry_V, number_V)
        frame_A = frame_E.index_select(0, torch.cat([record.entry_R for record in records]))
        # Steps are recorded in time order, so a stable sort by frame keeps the order within each frame.
        order_A = torch.argsort(frame_A, stable=True)
        order_A = order_A[int((frame_A < 0).sum()) :]
        return Periods(
            frame_A.index_select(0, order_A),
            torch.cat([record.position_R for record in records]).index_select(0, order_A),
            torch.cat([record.lag_R for record in records]).index_select(0, order_A),
            torch.cat([record.correlation_R3 for record in records]).index_select(0, order_A),
        )
