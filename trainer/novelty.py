"""What tells speech like that of training from all else: a logistic regression on scores and their squares.

The squares say how far a sound lies from speech, the scores in which direction that means least: a distance
alone takes half of all music for speech. The sounds that are no speech are invented ones.

Shapes: T samples, N windows, F features.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from cmlstream.models.affect import NOVELTY_LIMIT
from cmlstream.models.contract import SAMPLE_RATE, Samples
from cmlstream.models.regions import RegionFeatures
from cmlstream.models.window import Window

from .aside import written_aside
from .features import code_version, version_of
from .invented.music import piece
from .invented.noise import noise
from .pieces import cut, front_end
from .table import Scores
from .workers import on_all_cores

SOUNDS, SOUND_S = 16, 12.0
FIRST_SEED = 1_000
"""Lower seeds make the sounds that novelty is measured by."""
MUSIC_DBFS = (-36.0, -20.0)

WINDOW_SAMPLES = 3 * SAMPLE_RATE

PENALTY = 0.0003
"""scikit-learn's C; with ten times as much more speech of a left-out corpus is taken for something else."""

MEDIAN_NOVELTY, UNUSUAL_NOVELTY, UNUSUAL_PERCENTILE = 0.05, 0.5, 98.0
"""Half of the speech that was trained on lies below the first, 2 % above the second."""


@dataclass(frozen=True, slots=True, eq=False)
class Novelty:
    """novelty = logistic(sum_F linear c + square c^2 + offset), c the scores clamped to the limit."""

    linear_F: NDArray[np.float64]
    square_F: NDArray[np.float64]
    offset: float


def fit_novelty(speech: Sequence[Scores], others: Sequence[Scores]) -> Novelty:
    """Tell sets of speech scores from sets of other scores; every set of a side weighs the same.

    The first set of speech sets the scale, by its median and its 98th percentile.
    """
    from sklearn.linear_model import LogisticRegression

    sets = [*speech, *others]
    side_N = np.repeat([0] * len(speech) + [1] * len(others), [len(one) for one in sets])
    shares = [1 / len(speech)] * len(speech) + [1 / len(others)] * len(others)
    weight_N = np.concatenate(
        [np.full(len(one), share / len(one)) for one, share in zip(sets, shares, strict=True)]
    )
    model = LogisticRegression(C=PENALTY, max_iter=3000)
    model.fit(_terms(np.concatenate(sets)), side_N, sample_weight=weight_N * len(side_N) / 2)
    usual, unusual = np.percentile(model.decision_function(_terms(speech[0])), [50.0, UNUSUAL_PERCENTILE])
    slope = (_logit(UNUSUAL_NOVELTY) - _logit(MEDIAN_NOVELTY)) / max(float(unusual - usual), 1e-3)
    linear_F, square_F = np.split(slope * model.coef_[0], 2)
    offset = _logit(UNUSUAL_NOVELTY) + slope * float(model.intercept_[0] - unusual)
    return Novelty(linear_F, square_F / NOVELTY_LIMIT, float(offset))


@dataclass(frozen=True, slots=True, eq=False)
class Invented:
    """The features of sounds that are no speech."""

    music_NF: NDArray[np.float32]
    noise_NF: NDArray[np.float32]


def invented_features(cache_directory: Path) -> Invented:
    """The features of invented music and of invented noise, kept beside those of clips.

    They are those of what voice activity lets through, and of windows of 3 s cut without it.
    """
    place = cache_directory / f"{_version()}.sounds.npz"
    try:
        return _load(place)
    except (OSError, EOFError, KeyError, ValueError, BadZipFile):  # not there yet, or damaged
        outcomes = list(on_all_cores(_described, range(2 * SOUNDS)))
    cache_directory.mkdir(parents=True, exist_ok=True)
    with written_aside(place) as file:
        np.savez(file, music_NF=np.concatenate(outcomes[:SOUNDS]), noise_NF=np.concatenate(outcomes[SOUNDS:]))
    return _load(place)


def _load(place: Path) -> Invented:
    with place.open("rb") as file, np.load(file) as arrays:
        return Invented(arrays["music_NF"], arrays["noise_NF"])


def _version() -> str:
    """A hash of the code that makes the sounds and their features."""
    here = Path(__file__)
    sources = [here, *sorted((here.parent / "invented").glob("*.py"))]
    return hashlib.sha256(f"{code_version()} {version_of(sources)}".encode()).hexdigest()


def _described(number: int) -> NDArray[np.float32]:
    windows = [*cut(_sound(number)), *_forced(_sound(number))]
    return np.concatenate(list(RegionFeatures(front_end()).follow(windows)))


def _sound(number: int) -> Samples:
    seed = FIRST_SEED + number
    if number >= SOUNDS:
        return noise(SOUND_S, seed)
    return piece(SOUND_S, seed, float(np.random.default_rng(seed).uniform(*MUSIC_DBFS)))


def _forced(audio_T: Samples) -> Iterator[Window]:
    for start in range(0, len(audio_T) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        end = start + WINDOW_SAMPLES
        yield Window(start, start, end, end, audio_T[start:end], final=True, speech_samples=WINDOW_SAMPLES)


def _terms(scores_NF: Scores) -> NDArray[np.float64]:
    near_NF = np.clip(scores_NF, -NOVELTY_LIMIT, NOVELTY_LIMIT).astype(np.float64)
    # The square by its limit, so that the penalty weighs both alike.
    return np.concatenate([near_NF, np.square(near_NF) / NOVELTY_LIMIT], 1)


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
