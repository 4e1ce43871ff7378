"""Jitter and shimmer against the sequential analysis, one run, one frame and one period after the other."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.egemaps.periods import READ_AHEAD_SAMPLES, voiced_runs
from cmlstream.models.egemaps.perturbation import Perturbation


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


def lockstep(rows: list[tuple[np.ndarray, list[float]]]) -> list[np.ndarray]:
    """All rows in one line of samples, as the front end lays them out."""
    stride = max(len(samples) for samples, _ in rows)
    line = np.zeros(stride * len(rows) + READ_AHEAD_SAMPLES, np.float32)
    starts, hertz = [], []
    for row, (samples, pitch) in enumerate(rows):
        line[row * stride : row * stride + len(samples)] = samples
        voiced = np.flatnonzero(np.array(pitch) > 0)
        starts.append(row * stride + 160 * voiced)
        hertz.append(np.array(pitch)[voiced])
    runs = voiced_runs(
        torch.from_numpy(np.concatenate(starts)), torch.from_numpy(np.concatenate(hertz)).float()
    )
    values = Perturbation()(torch.from_numpy(line), runs).numpy()
    tables = []
    for part in hertz:
        tables.append(values[: len(part)])
        values = values[len(part) :]
    return tables


def hoarse_voice(random: np.random.Generator, frames: int, hertz: float) -> tuple[np.ndarray, list[float]]:
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
    return (0.5 * samples).astype(np.float32), [float(np.float32(value)) for value in pitch]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(60, 900), min_size=1, max_size=3))
def test_against_the_sequential_analysis(seed, pitches):
    random = np.random.default_rng(seed)
    rows = [hoarse_voice(random, int(random.integers(2, 25)), hertz) for hertz in pitches]
    for (samples, pitch), table in zip(rows, lockstep(rows), strict=True):
        expected = literal(samples.astype(np.float64), pitch)[np.array(pitch) > 0]
        np.testing.assert_allclose(table, expected, rtol=1e-4, atol=1e-6)


def test_regular_pulses_have_neither_jitter_nor_shimmer():
    samples = (np.arange(160 * 60 + 960) % 100 < 5).astype(np.float32)
    (table,) = lockstep([(samples, [160.0] * 60)])
    assert table.max() < 1e-5


def test_known_shimmer():
    """Every second period has half the amplitude: differences of .5 over a mean of .75."""
    samples = np.zeros(160 * 40 + 960, np.float32)
    for number, start in enumerate(range(50, len(samples) - 60, 100)):
        samples[start : start + 40] = np.hanning(40) * (1.0 if number % 2 else 0.5)
    (table,) = lockstep([(samples, [160.0] * 40)])
    np.testing.assert_allclose(table[2:, 1], 20 * math.log10(1 + 0.5 / 0.75), rtol=1e-3)


def test_a_flat_stretch_repeats_the_last_value_of_its_run():
    samples = (np.arange(160 * 40 + 960) % 97 < 5).astype(np.float32)
    samples[160 * 20 :] = 0.25
    pitch = [165.0] * 40
    (table,) = lockstep([(samples, pitch)])
    np.testing.assert_allclose(table, literal(samples.astype(np.float64), pitch), rtol=1e-4, atol=1e-6)
    assert (table[25:] == table[25]).all()


def test_no_voice():
    none = voiced_runs(torch.zeros(0, dtype=torch.int64), torch.zeros(0))
    assert Perturbation()(torch.zeros(5000), none).shape == (0, 2)
