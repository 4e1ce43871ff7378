"""The pitch periods of the waveform, found one after another inside each voiced run.

At position q the period is the lag k whose stretches x[q .. q+k) and x[q+k .. q+2k) correlate best (Boersma,
"Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound", IFA Proceedings 17, 1993), k within 10 % of the period that the pitch of the frame predicts; the next
position is q + k. The chain is sequential, but runs are independent: all of them advance together, one period
a step, and whatever does not steer the chain is computed afterwards for all periods at once.

State of a run: the position q and the frame it is in. A frame t (its start f, its predicted period T, lags lo
to hi) is left when q reaches f + 160 - 2 hi - 1; a position beyond f + 159 is dropped, so that a period that
sticks out of its frame is measured again by the next. What a frame gives depends on nothing behind it, so a
chain can stop behind any frame and go on from its position later.

Quirks: the last two lags are never accepted as maxima; where no maximum is found the chain goes on by T.

Dimensions: N samples, V voiced frames, E table entries (V and one stop per run), R runs, J lags, L samples, Q
steps.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from cmlstream.models.contract import FRAME_STEP_SAMPLES, SAMPLE_RATE

from .correlation import Views, correlate

LONGEST_PERIOD_SAMPLES = 291
"""16 kHz over the lowest pitch, 55 Hz."""
READ_AHEAD_SAMPLES = 4 * LONGEST_PERIOD_SAMPLES
FARTHEST = 1 << 60


class VoicedRuns(NamedTuple):
    """Voiced frames, listed run after run.

    `start_V` is the first sample of each frame, `frequency_V` its pitch in Hz, `run_V` the number of its run;
    `first_R` and `last_R` are the first and last frame of each run, `position_R` is where its chain starts.
    """

    start_V: Tensor
    frequency_V: Tensor
    run_V: Tensor
    first_R: Tensor
    last_R: Tensor
    position_R: Tensor


class Periods(NamedTuple):
    """Periods examined, in order within each run: A of them, and where each chain stopped.

    `frame_A` is the voiced frame, `position_A` the first sample, `lag_A` the whole lag (samples), and
    `correlation_A3` the correlation at that lag and its neighbours; where no maximum was found there is none.
    """

    frame_A: Tensor
    position_A: Tensor
    lag_A: Tensor
    correlation_A3: Tensor
    position_R: Tensor


def voiced_runs(start_V: Tensor, frequency_V: Tensor, hop_samples: int = FRAME_STEP_SAMPLES) -> VoicedRuns:
    """Group voiced frames, given in order, into runs of neighbours, each starting with its first frame."""
    begins_V = torch.ones_like(start_V, dtype=torch.bool)
    begins_V[1:] = start_V[1:] - start_V[:-1] != hop_samples
    first_R = begins_V.nonzero()[:, 0]
    last_R = torch.cat([first_R[1:], torch.full_like(first_R[:1], start_V.shape[0])]) - 1
    start_R = start_V.index_select(0, first_R)
    return VoicedRuns(start_V, frequency_V, begins_V.cumsum(0) - 1, first_R, last_R, start_R)


class Steering(NamedTuple):
    """What steers the chain in each entry: one per voiced frame, and behind each run a stop that never moves.

    `rule_E5`: lowest lag, number of the last lag that can be a maximum, step where there is no maximum,
    position to stay below to keep the next position, position to stay below to remain in the frame.
    """

    rule_E5: Tensor
    entry_V: Tensor
    start_R: Tensor
    stop_R: Tensor


class Walkers(NamedTuple):
    """Where the chains stand: run, entry, position, the stop of the run, number and length of its lags."""

    run_R: Tensor
    entry_R: Tensor
    position_R: Tensor
    stop_R: Tensor
    lags_R: Tensor
    longest_R: Tensor


class Record(NamedTuple):
    """Some steps of some chains: entry, position, lag (0 without a maximum), correlation around it."""

    entry_Q: Tensor
    position_Q: Tensor
    lag_Q: Tensor
    correlation_Q3: Tensor


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
    rule_V5 = torch.stack([lowest_V, highest_V - lowest_V - 2, step_V, limit_V, limit_V - 2 * highest_V], 1)
    entry_V = torch.arange(runs.start_V.shape[0], device=runs.start_V.device) + runs.run_V
    entries = entry_V.shape[0] + runs.first_R.shape[0]
    stop_5 = torch.tensor([16, 2, 16, -farthest, farthest], device=entry_V.device)
    rule_E5 = stop_5.repeat(entries, 1).index_copy(0, entry_V, rule_V5)
    return Steering(
        rule_E5, entry_V, entry_V.index_select(0, runs.first_R), entry_V.index_select(0, runs.last_R) + 1
    )


def most_by_run(values_V: Tensor, runs: VoicedRuns) -> Tensor:
    """The largest value in each run, [R]."""
    return torch.zeros_like(runs.first_R).scatter_reduce(0, runs.run_V, values_V, "amax")


def pick(walkers: Walkers, chosen_R: Tensor) -> Walkers:
    """Some of the walkers."""
    return Walkers(
        walkers.run_R.index_select(0, chosen_R),
        walkers.entry_R.index_select(0, chosen_R),
        walkers.position_R.index_select(0, chosen_R),
        walkers.stop_R.index_select(0, chosen_R),
        walkers.lags_R.index_select(0, chosen_R),
        walkers.longest_R.index_select(0, chosen_R),
    )


class PeriodChain(torch.nn.Module):
    """Walks all voiced runs at once."""

    length_K: Tensor
    most_steps: Final[int] = 16
    group_runs: Final[int] = 256

    def __init__(self) -> None:
        super().__init__()
        # Longer than any lag by the number of lags of the longest period.
        self.register_buffer("length_K", torch.arange(2 * LONGEST_PERIOD_SAMPLES, dtype=torch.float64))

    def forward(self, samples_BT: Tensor, runs: VoicedRuns) -> Periods:
        """All periods of all runs.

        Samples are whole numbers, float64; frames and positions count along the flattened rows; the last
        frame must be followed by `READ_AHEAD_SAMPLES` more.
        """
        steering = steer(runs)
        samples_N = samples_BT.flatten()
        sums_BT = torch.complex(samples_BT.cumsum(1), samples_BT.square().cumsum(1))
        sums_N = torch.nn.functional.pad(sums_BT[:, :-1], [1, 0]).flatten()
        rule_V5 = steering.rule_E5.index_select(0, steering.entry_V)
        walkers = Walkers(
            torch.arange(runs.first_R.shape[0], device=sums_N.device),
            steering.start_R,
            runs.position_R,
            steering.stop_R,
            most_by_run(rule_V5[:, 1], runs) + 3,
            most_by_run(rule_V5[:, 0], runs),
        )
        final_R = torch.zeros_like(runs.position_R)
        records: list[Record] = []
        # Runs of similar periods walk together: the longest lag among them sets the work for all.
        order_R = walkers.longest_R.argsort()
        for first in range(0, order_R.shape[0], self.group_runs):
            group = pick(walkers, order_R[first : first + self.group_runs])
            while group.run_R.shape[0] > 0:
                group, record = self.walk(samples_N, sums_N, steering.rule_E5, group)
                records.append(record)
                final_R.index_copy_(0, group.run_R, group.position_R)
                group = pick(group, (group.entry_R < group.stop_R).nonzero()[:, 0])
        return self.arrange(steering, records, final_R)

    @torch.jit.export
    def views(self, samples_N: Tensor, sums_N: Tensor, lags: int, longest: int) -> Views:
        """What a group of walkers with so many lags, of at most this length, looks at."""
        return Views(
            samples_N.unfold(0, longest, 1),
            samples_N.unfold(0, lags + longest, 1),
            samples_N.unfold(0, 2 * lags, 1),
            sums_N,
            sums_N.unfold(0, lags, 1),
            sums_N.unfold(0, 2 * lags, 1)[:, ::2],
            self.length_K.unfold(0, lags, 1),
        )

    @torch.jit.export
    def walk(
        self, samples_N: Tensor, sums_N: Tensor, rule_E5: Tensor, walkers: Walkers
    ) -> tuple[Walkers, Record]:
        """Lead all walkers some steps on, none farther than the last needs; those at their stop wait."""
        lags, longest = int(walkers.lags_R.max()), int(walkers.longest_R.max())
        steps = min(self.most_steps, int((walkers.stop_R - walkers.entry_R).max()))
        views = self.views(samples_N, sums_N, lags, longest)
        lag_J = torch.arange(1, lags - 1, device=samples_N.device)
        entry_R, position_R = walkers.entry_R, walkers.position_R
        entries, positions, highest, values = [entry_R], [position_R], [lag_J[:0]], [sums_N[:0].real]
        lags_found = [lag_J[:0]]
        for _ in range(steps):
            lowest_R, last_R, default_R, limit_R, stay_R = rule_E5.index_select(0, entry_R).unbind(1)
            value_RJ = correlate(views, position_R, lowest_R, lags)
            change_RJ = value_RJ.diff(dim=1)
            peak_RJ = (change_RJ[:, :-1] > 0.0) & (change_RJ[:, 1:] < 0.0) & (lag_J <= last_R[:, None])
            height_R, best_R = value_RJ[:, 1:-1].masked_fill(~peak_RJ, -2.0).max(1)
            found_R = height_R > -2.0
            lag_R = (lowest_R + best_R).add_(1)
            next_R = position_R + torch.where(found_R, lag_R, default_R)
            entry_R = entry_R + (next_R >= stay_R)
            position_R = torch.where(next_R < limit_R, next_R, position_R)
            entries.append(entry_R)
            positions.append(position_R)
            lags_found.append(lag_R * found_R)
            highest.append(best_R)
            values.append(value_RJ)
        around_Q3 = torch.cat(values[1:]).unfold(1, 3, 1)
        best_Q = torch.cat(highest[1:])[:, None, None].expand(-1, 1, 3)
        record = Record(
            torch.cat(entries[:-1]),
            torch.cat(positions[:-1]),
            torch.cat(lags_found[1:]),
            around_Q3.gather(1, best_Q)[:, 0],
        )
        moved = Walkers(walkers.run_R, entry_R, position_R, walkers.stop_R, walkers.lags_R, walkers.longest_R)
        return moved, record

    @torch.jit.export
    def arrange(self, steering: Steering, records: list[Record], position_R: Tensor) -> Periods:
        """Put what the steps recorded into the order of the frames; steps spent at a stop fall away."""
        frame_E = torch.full_like(steering.rule_E5[:, 0], -1)
        number_V = torch.arange(steering.entry_V.shape[0], device=frame_E.device)
        frame_E.index_copy_(0, steering.entry_V, number_V)
        frame_A = frame_E.index_select(0, torch.cat([record.entry_Q for record in records]))
        # Steps are recorded in time order, so a stable sort by frame keeps the order within each frame.
        order_A = torch.argsort(frame_A, stable=True)
        order_A = order_A[int((frame_A < 0).sum()) :]
        return Periods(
            frame_A.index_select(0, order_A),
            torch.cat([record.position_Q for record in records]).index_select(0, order_A),
            torch.cat([record.lag_Q for record in records]).index_select(0, order_A),
            torch.cat([record.correlation_Q3 for record in records]).index_select(0, order_A),
            position_R,
        )
