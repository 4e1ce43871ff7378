"""The pitch path against dynamic programming written out state by state, fed whole and in pieces."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.egemaps.viterbi import VOICING_THRESHOLD, PitchPath

UNVOICED = 6
LOUD_SHARE = 0.95


def range_cost(frequency: float) -> float:
    if frequency <= 0:
        return 2.0
    if frequency < 100:
        return 1 - frequency / 100
    if frequency < 350:
        return 0.0
    return (frequency - 350) / 250 if frequency < 600 else 1.2


def local_cost(frequency: np.ndarray, voicing: np.ndarray, state: int) -> float:
    if state == UNVOICED:
        return 8.0 if (voicing >= VOICING_THRESHOLD).any() else 0.0
    doubt = -math.log(min(max(voicing[state], 0.01), 1)) + (
        4.0 if voicing[state] < VOICING_THRESHOLD else 0.0
    )
    return 2 * doubt + range_cost(frequency[state])


def transition_cost(before: np.ndarray, now: np.ndarray, previous: int, state: int, begins: bool) -> float:
    if previous == UNVOICED and state == UNVOICED:
        return 1.0
    if UNVOICED in (previous, state):
        return 10.0
    if before[previous] <= 0 or now[state] <= 0:
        return 999.0
    change = math.log(now[state] / before[previous])
    beside = math.log(now[state] / before[previous - 1]) if previous > 0 else 0.0
    if begins and previous == state == 0:
        beside = 1.0
    return 10 * abs(change) + 10 * abs(change - beside)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Candidates of consecutive frames, and whether they are loud enough to have a pitch."""

    frequency: np.ndarray
    voicing: np.ndarray
    loud: np.ndarray

    def tensors(self, begin: int, end: int) -> list[torch.Tensor]:
        return [torch.from_numpy(part[begin:end]) for part in (self.frequency, self.voicing, self.loud)]


@dataclass(frozen=True, slots=True)
class Search:
    """The frequency of every frame, and how many frames are decided after each number of frames."""

    frequencies: list[float]
    decided: list[int]


def literal(row: Row) -> Search:
    """By carrying the seven paths along."""
    frequency, voicing = row.frequency, row.voicing
    frames = len(frequency)
    cost = [local_cost(frequency[0], voicing[0], state) for state in range(7)] if frames else []
    paths = [[state] for state in range(7)]
    best = paths[0]
    chosen: dict[int, int] = {}
    decided, late = [0], False
    for frame in range(frames):
        if frame > 0:
            before, now = frequency[frame - 1], frequency[frame]
            totals = [
                [cost[p] + transition_cost(before, now, p, s, frame == 1) for p in range(7)] for s in range(7)
            ]
            origin = [int(np.argmin(row)) for row in totals]
            cost = [min(totals[s]) + local_cost(now, voicing[frame], s) for s in range(7)]
            paths = [[*paths[origin[s]], s] for s in range(7)]
        best = paths[int(np.argmin(cost))]
        if frame >= 39:
            chosen[frame - 39] = best[frame - 39]
            late = late or len({path[frame - 39] for path in paths}) > 1
        agreed = [0, *[n + 1 for n in range(frame + 1) if len({path[n] for path in paths}) == 1]]
        overdue = max(0, frame + 1 - 39)
        decided.append(overdue if late else max(agreed[-1], overdue))
    for frame in range(frames):
        chosen.setdefault(frame, best[frame])
    voiced = [row.loud[n] and chosen[n] != UNVOICED for n in range(frames)]
    return Search([frequency[n][chosen[n]] if voiced[n] else 0.0 for n in range(frames)], decided)


def candidates(random: np.random.Generator, frames: int) -> Row:
    filled = np.arange(6) < random.integers(0, 7, frames)[:, None]
    pitch = 150 * np.exp(np.cumsum(random.normal(0, 0.05, frames)))[:, None] / np.arange(1, 7)
    frequency = np.clip(pitch * np.exp(random.normal(0, 0.1, (frames, 6))), 55, 1000) * filled
    voicing = random.uniform(0.3, 1.0, (frames, 6)) * filled
    return Row(frequency, voicing, random.random(frames) < LOUD_SHARE)


def loud(frequency: np.ndarray, voicing: np.ndarray) -> Row:
    return Row(frequency, voicing, np.ones(len(frequency), bool))


def run(rows: list[Row], cuts: list[list[int]]) -> list[Search]:
    """Feed each row up to each of its cuts, all rows together; what is behind a row's piece is not read."""
    path = PitchPath()
    state = path.begin(len(rows), torch.device("cpu"))
    found = [Search([], []) for _ in rows]
    rest: list[list[float]] = []
    begins = [0] * len(rows)
    for ends in zip(*cuts, strict=True):
        pieces = [row.tensors(*piece) for row, *piece in zip(rows, begins, ends, strict=True)]
        table = [
            torch.nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=77)
            for parts in zip(*pieces, strict=True)
        ]
        count_B = torch.tensor(ends) - torch.tensor(begins)
        state, decision = path(state, torch.tensor(begins), (table[0], table[1], table[2]), count_B)
        places = zip(*[part.tolist() for part in decision[1:]], strict=True)
        rest = []
        for search, row_W, (first, decided, end) in zip(found, decision.frequency_BW, places, strict=True):
            search.frequencies.extend(row_W[first:decided].tolist())
            search.decided.append(len(search.frequencies))
            rest.append(row_W[decided:end].tolist())
        assert state.open_B.tolist() == [len(part) for part in rest]
        begins = list(ends)
    for search, part in zip(found, rest, strict=True):
        search.frequencies.extend(part)
    return found


def check(rows: list[Row], cuts: list[list[int]]) -> None:
    for row, ends, found in zip(rows, cuts, run(rows, cuts), strict=True):
        expected = literal(row)
        assert found.frequencies == expected.frequencies
        assert found.decided == [expected.decided[end] for end in ends]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 70), min_size=1, max_size=3))
def test_against_the_literal_search(seed, lengths):
    random = np.random.default_rng(seed)
    check([candidates(random, frames) for frames in lengths], [[frames] for frames in lengths])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 120), min_size=1, max_size=3), st.integers(1, 12))
def test_in_pieces_against_the_literal_search(seed, lengths, pieces):
    random = np.random.default_rng(seed)
    cuts = [np.sort(random.integers(0, frames + 1, pieces)).tolist() for frames in lengths]
    check(
        [candidates(random, frames) for frames in lengths],
        [[*cut, frames] for cut, frames in zip(cuts, lengths, strict=True)],
    )


def doubtful(frames: int) -> Row:
    """A steady tone with subharmonics keeps two paths alive for longer than the search waits."""
    frequency = np.tile(650 / np.arange(1, 7), (frames, 1))
    return loud(frequency, np.tile([0.926, 0.913, 0.898, 0.880, 0.859, 0.835], (frames, 1)))


@pytest.mark.parametrize("frames", [20, 41, 60, 90])
def test_parallel_paths_are_cut_after_39_frames(frames):
    check([doubtful(frames)], [[frames]])
    if frames > 45:
        assert run([doubtful(frames)], [[frames]])[0].decided == [frames - 39]


@pytest.mark.parametrize("step", [1, 7, 39, 50])
def test_parallel_paths_in_pieces(step):
    """Once agreement came too late it is not looked for any more, not even where the paths do agree again."""
    agreeing = candidates(np.random.default_rng(3), 60)
    tone = doubtful(60)
    parts = [np.concatenate(pair) for pair in zip(tone.tensors(0, 60), agreeing.tensors(0, 60), strict=True)]
    check(
        [Row(*parts), agreeing], [[*range(0, 120, step), 120], [*[n // 2 for n in range(0, 120, step)], 60]]
    )


def test_a_steady_voice_is_voiced_and_silence_is_not():
    frequency, voicing = np.zeros((60, 6)), np.zeros((60, 6))
    frequency[20:40, 0], voicing[20:40, 0] = 200.0, 0.95
    (found,) = run([loud(frequency, voicing)], [[60]])
    assert np.flatnonzero(found.frequencies).tolist() == list(range(20, 40))
    assert found.decided == [59]


def test_no_frames():
    none = candidates(np.random.default_rng(0), 0)
    assert run([none, none], [[0, 0], [0, 0]]) == [Search([], [0, 0])] * 2
