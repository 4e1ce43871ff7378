"""Jitter and shimmer against the sequential analysis, one run, one frame and one period after the other.

Fed whole and in pieces; a piece is not given any sample behind its last frame.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.egemaps.framing import quantise
from cmlstream.models.egemaps.periods import READ_AHEAD_SAMPLES
from cmlstream.models.egemaps.perturbation import Perturbation, VoicedFrames


@dataclass
class Run:
    """What is carried from frame to frame of a voiced run."""

    position: int
    missed: int = 0
    period: float = 0.0
    jitter: float = 0.0
    shimmer: float = 0.0


def correlation(samples: np.ndarray, start: int, lag: int) -> float:
    first, second = samples[start : start + lag], samples[start + lag : start + 2 * lag]
    first, second = first - first.mean(), second - second.mean()
    spread = (first @ first) * (second @ second)
    return float(first @ second) / math.sqrt(max(spread, 1e-24))


def period_at(samples: np.ndarray, start: int, low: int, high: int) -> tuple[int, float, float] | None:
    """Whole lag, its interpolation and height of the highest local maximum."""
    values = {lag: correlation(samples, start, lag) for lag in range(low, high + 1)}
    tops = [lag for lag in range(low + 1, high - 1) if values[lag - 1] < values[lag] > values[lag + 1]]
    if not tops:
        return None
    best = max(tops, key=lambda lag: values[lag])
    left, centre, right = values[best - 1], values[best], values[best + 1]
    offset = 0.5 * (left - right) / (left - 2 * centre + right)
    return best, best + offset, centre - 0.25 * (left - right) * offset


def amplitude(samples: np.ndarray, start: int, lag: int) -> float:
    stretch = samples[start + 1 : start + lag - 1]
    return float(stretch.max() - stretch.min())


def frame(samples: np.ndarray, run: Run, pitch: float) -> tuple[float, float]:
    expected = 16000 / pitch
    low, high = math.floor(0.9 * expected), math.ceil(1.1 * expected)
    reach = 160 + run.missed
    width = min(max(reach, 2 * high + 2), run.missed + 960)
    place, last = 0, 0
    lengths, changes, amplitudes, differences = [], [], [], []
    while place == 0 or place < width - 2 * high - 1:
        found = period_at(samples, run.position + place, low, high)
        if found is not None and found[2] > 0.5:
            lag, length, _ = found
            first, second = (amplitude(samples, run.position + place + n * lag, lag) for n in (0, 1))
            lengths.append(length)
            if run.period > 0:
                changes.append(abs(run.period - length))
            run.period = length
            amplitudes.append((first + second) / 2)
            differences.append(abs(first - second))
        place += found[0] if found is not None else math.floor(expected + 0.5)
        if place < reach - 1:
            last = place
    run.missed, run.position = reach - last, run.position + last
    jitter = run.jitter
    if lengths:
        jitter = min(np.mean(changes) / np.mean(lengths), 1.0) if changes else 0.0
        run.jitter = jitter
        run.shimmer = min(sum(differences) / sum(amplitudes), 1.0) if sum(amplitudes) else 0.0
    return jitter, 20 * math.log10(1 + run.shimmer)


def literal(samples: np.ndarray, pitch: list[float]) -> np.ndarray:
    table, run = np.zeros((len(pitch), 2)), None
    for t, hertz in enumerate(pitch):
        if hertz <= 0:
            run = None
            continue
        run = run or Run(160 * t)
        table[t] = frame(samples, run, hertz)
    return table


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Samples, and the pitch of their frames in Hz, 0 where unvoiced."""

    samples: np.ndarray
    pitch: list[float]

    def piece(self, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """The voiced frames from `begin` on, and what has been heard when frame `end` - 1 is complete."""
        voiced = begin + np.flatnonzero(np.array(self.pitch[begin:end]) > 0)
        return voiced, self.samples[: max(0, 160 * (end - 1) + 960)]


def row(samples: np.ndarray, pitch: list[float]) -> Row:
    """What the front end works on: 16-bit samples, and frequencies in single precision."""
    quantised = quantise(torch.from_numpy(samples)).numpy()
    return Row(quantised, [float(np.float32(hertz)) for hertz in pitch])


def lockstep(rows: list[Row], cuts: list[list[int]]) -> list[np.ndarray]:
    """Feed the frames of each row up to each of its cuts, all rows together."""
    perturbation = Perturbation()
    state = perturbation.begin(len(rows), torch.device("cpu"))
    begins, tables = [0] * len(rows), [np.zeros((0, 2))] * len(rows)
    for ends in zip(*cuts, strict=True):
        pieces = [row.piece(*piece) for row, *piece in zip(rows, begins, ends, strict=True)]
        width = max(len(heard) for _, heard in pieces) + READ_AHEAD_SAMPLES
        samples_BT = np.zeros((len(rows), width), np.float32)
        for row_T, (_, heard) in zip(samples_BT, pieces, strict=True):
            row_T[: len(heard)] = heard
        origin = width * np.arange(len(rows))
        frames = VoicedFrames(
            torch.from_numpy(
                np.concatenate(
                    [first + 160 * voiced for first, (voiced, _) in zip(origin, pieces, strict=True)]
                )
            ),
            torch.tensor(
                [row.pitch[frame] for row, (voiced, _) in zip(rows, pieces, strict=True) for frame in voiced]
            ),
            torch.tensor(
                [number for number, (voiced, _) in enumerate(pieces) for _ in voiced], dtype=torch.int64
            ),
            torch.from_numpy(origin + 160 * np.array(begins)),
            torch.from_numpy(origin + 160 * (np.array(ends) - 1)),
        )
        values, state = perturbation(torch.from_numpy(samples_BT), frames, state)
        parts = np.split(values.numpy(), np.cumsum([len(voiced) for voiced, _ in pieces])[:-1])
        tables = [np.concatenate(pair) for pair in zip(tables, parts, strict=True)]
        begins = list(ends)
    return tables


def check(rows: list[Row], cuts: list[list[int]]) -> None:
    for row, table in zip(rows, lockstep(rows, cuts), strict=True):
        expected = literal(row.samples.astype(np.float64), row.pitch)[np.array(row.pitch) > 0]
        np.testing.assert_allclose(table, expected, rtol=1e-4, atol=1e-6)


def whole(rows: list[Row]) -> list[list[int]]:
    return [[len(row.pitch)] for row in rows]


def hoarse_voice(random: np.random.Generator, frames: int, hertz: float) -> Row:
    """Pulses through a resonance, irregular in time and height, and a pitch track with gaps and glides."""
    samples = np.zeros(160 * frames + 960)
    place = 0.0
    while place < len(samples) - 200:
        stretch = np.arange(200)
        pulse = np.exp(-stretch / 40) * np.sin(2 * np.pi * 700 * stretch / 16000)
        samples[int(place) : int(place) + 200] += random.uniform(0.5, 1.0) * pulse
        place += 16000 / hertz * random.uniform(0.97, 1.03)
    samples += random.normal(0, 0.02, len(samples))
    pitch = hertz * np.exp(random.normal(0, 0.02, frames))
    pitch[random.random(frames) < 0.1] = 0.0
    return row(0.5 * samples, pitch.tolist())


def pulses(period: int, frames: int) -> np.ndarray:
    return (np.arange(160 * frames + 960) % period < 5).astype(float)


SEEDS = st.integers(0, 2**32 - 1)
PITCHES = st.lists(st.floats(60, 900), min_size=1, max_size=3)


@settings(max_examples=12, deadline=None)
@given(SEEDS, PITCHES)
def test_against_the_sequential_analysis(seed, pitches):
    random = np.random.default_rng(seed)
    rows = [hoarse_voice(random, int(random.integers(2, 25)), hertz) for hertz in pitches]
    check(rows, whole(rows))


@settings(max_examples=12, deadline=None)
@given(SEEDS, PITCHES, st.integers(1, 8))
def test_in_pieces_against_the_sequential_analysis(seed, pitches, pieces):
    random = np.random.default_rng(seed)
    rows = [hoarse_voice(random, int(random.integers(2, 25)), hertz) for hertz in pitches]
    cuts = [np.sort(random.integers(0, len(row.pitch), pieces)).tolist() for row in rows]
    check(rows, [[*cut, len(row.pitch)] for cut, row in zip(cuts, rows, strict=True)])


def test_a_push_without_a_frame_leaves_the_run_open():
    rows = [hoarse_voice(np.random.default_rng(0), 20, hertz) for hertz in (90, 200)]
    check(rows, [[10, 10, 10, 20], [0, 15, 15, 20]])


def test_regular_pulses_have_neither_jitter_nor_shimmer():
    voice = row(pulses(100, 60), [160.0] * 60)
    (table,) = lockstep([voice], whole([voice]))
    assert table.max() < 1e-5


def test_known_shimmer():
    """Every second period has half the amplitude: differences of .5 over a mean of .75."""
    samples = np.zeros(160 * 40 + 960)
    for number, start in enumerate(range(50, len(samples) - 60, 100)):
        samples[start : start + 40] = np.hanning(40) * (1.0 if number % 2 else 0.5)
    voice = row(samples, [160.0] * 40)
    (table,) = lockstep([voice], whole([voice]))
    np.testing.assert_allclose(table[2:, 1], 20 * math.log10(1 + 0.5 / 0.75), rtol=1e-3)


@pytest.mark.parametrize("level", [0.0, 0.25, 0.6, 1.0])
def test_a_flat_stretch_repeats_the_last_value_of_its_run(level):
    samples = pulses(97, 40)
    samples[160 * 20 :] = level
    voice = row(samples, [165.0] * 40)
    check([voice], whole([voice]))
    (table,) = lockstep([voice], whole([voice]))
    assert (table[25:] == table[25]).all()


def test_held_samples_are_no_period():
    """Where a signal with an offset stands still for some milliseconds, nothing correlates with anything."""
    time_T = np.arange(160 * 100 + 960) / 16000
    samples = 0.5 + 0.4 * np.sin(2 * np.pi * 150 * time_T)
    for first in range(4000, len(samples) - 600, 3203):
        samples[first : first + 600] = samples[first]
    voice = row(samples, [150.0] * 100)
    check([voice], whole([voice]))
    check([voice], [list(range(0, 101, 5))])


def test_no_voice():
    silent = row(np.zeros(5000), [0.0] * 25)
    assert [table.shape for table in lockstep([silent, silent], [[10, 25], [0, 25]])] == [(0, 2), (0, 2)]
