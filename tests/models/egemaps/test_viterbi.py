"""The pitch path against dynamic programming written out state by state."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.egemaps.viterbi import VOICING_THRESHOLD, PitchPath

UNVOICED = 6


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


def literal(frequency: np.ndarray, voicing: np.ndarray) -> tuple[list[float], int]:
    """Chosen frequencies and the number of decided frames, by carrying the seven paths along."""
    frames = len(frequency)
    cost = [local_cost(frequency[0], voicing[0], state) for state in range(7)]
    paths = [[state] for state in range(7)]
    chosen: dict[int, int] = {}
    decided, late = 0, False
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
        agreed = [n for n in range(frame + 1) if len({path[n] for path in paths}) == 1]
        decided = max(agreed[-1] + 1 if agreed else 0, frame + 1 - 39)
    for frame in range(frames):
        chosen.setdefault(frame, best[frame])
    values = [frequency[n][chosen[n]] if chosen[n] != UNVOICED else 0.0 for n in range(frames)]
    return values, frames - 39 if late else decided


def candidates(random: np.random.Generator, frames: int) -> tuple[np.ndarray, np.ndarray]:
    filled = np.arange(6) < random.integers(0, 7, frames)[:, None]
    pitch = 150 * np.exp(np.cumsum(random.normal(0, 0.05, frames)))[:, None] / np.arange(1, 7)
    frequency = np.clip(pitch * np.exp(random.normal(0, 0.1, (frames, 6))), 55, 1000) * filled
    return frequency, random.uniform(0.3, 1.0, (frames, 6)) * filled


def run(rows: list[tuple[np.ndarray, np.ndarray]]) -> tuple[torch.Tensor, torch.Tensor]:
    tables = [[torch.from_numpy(row[part]) for row in rows] for part in (0, 1)]
    padded = [torch.nn.utils.rnn.pad_sequence(table, batch_first=True) for table in tables]
    frequency_BT, decided_B = PitchPath()(*padded, torch.tensor([len(row[0]) for row in rows]))
    return frequency_BT, decided_B


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 70), min_size=1, max_size=3))
def test_against_the_literal_search(seed, lengths):
    random = np.random.default_rng(seed)
    rows = [candidates(random, frames) for frames in lengths]
    frequency_BT, decided_B = run(rows)
    for row, (frequency, voicing) in enumerate(rows):
        values, decided = literal(frequency, voicing)
        assert frequency_BT[row, : len(values)].tolist() == values
        assert not frequency_BT[row, len(values) :].any()
        assert int(decided_B[row]) == decided


@pytest.mark.parametrize("frames", [20, 41, 60, 90])
def test_parallel_paths_are_cut_after_39_frames(frames):
    """A steady tone with subharmonics keeps two paths alive for longer than the search waits."""
    frequency = np.tile(650 / np.arange(1, 7), (frames, 1))
    voicing = np.tile([0.926, 0.913, 0.898, 0.880, 0.859, 0.835], (frames, 1))
    _, decided_B = run([(frequency, voicing)])
    assert int(decided_B) == literal(frequency, voicing)[1]
    if frames > 45:
        assert int(decided_B) == frames - 39


def test_a_steady_voice_is_voiced_and_silence_is_not():
    frequency, voicing = np.zeros((60, 6)), np.zeros((60, 6))
    frequency[20:40, 0], voicing[20:40, 0] = 200.0, 0.95
    frequency_BT, decided_B = run([(frequency, voicing)])
    assert frequency_BT[0].nonzero().flatten().tolist() == list(range(20, 40))
    assert int(decided_B) == 59


def test_no_frames():
    frequency_BT, decided_B = PitchPath()(torch.zeros(2, 0, 6), torch.zeros(2, 0, 6), torch.tensor([0, 0]))
    assert frequency_BT.shape == (2, 0)
    assert decided_B.tolist() == [0, 0]
