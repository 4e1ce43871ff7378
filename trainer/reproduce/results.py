"""What `reproduce` writes: figures as means over seeds and folds, and what the metric gains."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import sqrt
from typing import Literal

import msgspec
import numpy as np
from scipy.stats import t as students_t

from cmlstream.trainer.losses import VARIANTS
from cmlstream.trainer.table import Normalisation

from .baselines import Choice
from .networks import Measured, Subject
from .protocol import Protocol
from .scoring import EVERYWHERE, Score

FOLDS = (Protocol.SHARED, Protocol.APART)
OTHER_FOLDS = "the other folds"

PLAIN = "none"
"""The plain autoencoder, which every variant with labels is held against."""

CONFIDENCE = 0.95

FigureName = Literal["uar", "activation", "valence", "mean_activation", "mean_valence"]
FIGURES: tuple[FigureName, ...] = ("uar", "activation", "valence", "mean_activation", "mean_valence")


class Figure(msgspec.Struct, frozen=True):
    """A figure over seeds and folds."""

    mean: float
    deviation: float
    """Standard deviation, with n - 1; 0 where n is 1."""
    n: int


class Record(msgspec.Struct, frozen=True):
    """What a method is worth on a language; null where no clip has the label."""

    method: str
    protocol: str
    normalisation: str
    trained_on: str
    language: str
    """`all`: every clip that was measured, together."""
    uar: Figure | None
    activation: Figure | None
    """Pearson's r of a read-out fitted to the training clips, as `valence`."""
    valence: Figure | None
    mean_activation: Figure | None
    """Pearson's r of the mean of the latent (of its half, for `actval`), as published, as `mean_valence`."""
    mean_valence: Figure | None


class Gain(msgspec.Struct, frozen=True):
    """What a variant with labels adds to the plain autoencoder, seed by seed on the same splits."""

    method: str
    protocol: str
    normalisation: str
    figure: str
    plain: float
    value: float
    gain: float
    interval: float
    """Half the width of the 95 % interval of the gain over seeds (Student's t)."""
    seeds: int
    holds: Literal["yes", "no", "undecided"]
    """Whether the interval lies above zero, below it, or on both sides."""


class Versions(msgspec.Struct, frozen=True):
    """What the figures were computed with."""

    cmlstream: str
    commit: str
    python: str
    torch: str
    numpy: str
    scikit_learn: str
    platform: str


class Results(msgspec.Struct, frozen=True):
    """Everything that was found."""

    command: str
    seeds: tuple[int, ...]
    epochs: int
    networks: int
    minutes: float
    versions: Versions
    clips: dict[str, int]
    """By language."""
    choices: tuple[Choice, ...]
    records: tuple[Record, ...]
    gains: tuple[Gain, ...]


def records_of(measured: Iterable[Measured]) -> Iterator[Record]:
    """Figures put together over seeds, and over folds where the split is one."""
    found: dict[tuple[str, str, str, str, str], list[Score]] = defaultdict(list)
    for one in measured:
        for score in one.scores:
            found[(*_place(one.subject), score.language)].append(score)
    for place, scores in sorted(found.items(), key=lambda item: _order(*item[0])):
        figures = [_figure(getattr(score, name) for score in scores) for name in FIGURES]
        yield Record(*place, *figures)


def _place(subject: Subject) -> tuple[str, str, str, str]:
    trained_on = OTHER_FOLDS if subject.protocol in FOLDS else subject.trained_on
    return subject.method, str(subject.protocol), str(subject.normalisation), trained_on


def _order(method: str, protocol: str, normalisation: str, *names: str) -> tuple[object, ...]:
    known = [*VARIANTS]
    rank = known.index(method) if method in known else len(known)
    return [*Protocol].index(Protocol(protocol)), Normalisation(normalisation), rank, method, *names


def _figure(values: Iterable[float | None]) -> Figure | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    return Figure(float(np.mean(known)), deviation, len(known))


def gains_of(measured: Sequence[Measured], methods: Sequence[str]) -> Iterator[Gain]:
    """What each method adds to the plain autoencoder under every protocol and normalisation."""
    values = {
        (method, name): _by_setting(measured, method, name)
        for method in (PLAIN, *methods)
        for name in FIGURES
    }
    for method in methods:
        for name in FIGURES:
            for setting, with_metric in sorted(values[method, name].items(), key=_order_of_setting):
                plain = values[PLAIN, name].get(setting, {})
                seeds = sorted(with_metric.keys() & plain.keys())
                if seeds:
                    pairs = [(plain[seed], with_metric[seed]) for seed in seeds]
                    yield _gain(method, *setting, name, pairs)


Setting = tuple[str, str]
"""Protocol and normalisation."""


def _order_of_setting(item: tuple[Setting, dict[int, float]]) -> tuple[object, ...]:
    (protocol, normalisation), _ = item
    return [*Protocol].index(Protocol(protocol)), normalisation


def _by_setting(
    measured: Iterable[Measured], method: str, name: FigureName
) -> dict[Setting, dict[int, float]]:
    """A figure of each seed: its mean over folds, or over pairs of training and measured language."""
    found: dict[Setting, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in measured:
        subject = one.subject
        together = subject.protocol in FOLDS
        for score in one.scores:
            value = getattr(score, name)
            if subject.method == method and (score.language == EVERYWHERE) == together and value is not None:
                found[str(subject.protocol), str(subject.normalisation)][subject.seed].append(value)
    return {
        setting: {seed: float(np.mean(values)) for seed, values in seeds.items()}
        for setting, seeds in found.items()
    }


def _gain(
    method: str, protocol: str, normalisation: str, name: FigureName, pairs: Sequence[tuple[float, float]]
) -> Gain:
    plain, value = np.mean(pairs, axis=0)
    differences = np.diff(pairs, axis=1)[:, 0]
    interval = float("inf")
    if len(pairs) > 1:
        quantile = float(students_t.ppf((1 + CONFIDENCE) / 2, len(pairs) - 1))
        interval = quantile * float(differences.std(ddof=1)) / sqrt(len(pairs))
    gain = float(differences.mean())
    return Gain(
        method=method,
        protocol=protocol,
        normalisation=normalisation,
        figure=name,
        plain=float(plain),
        value=float(value),
        gain=gain,
        interval=interval,
        seeds=len(pairs),
        holds="undecided" if abs(gain) <= interval else "yes" if gain > 0 else "no",
    )
