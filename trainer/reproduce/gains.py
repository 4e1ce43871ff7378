"""What the metric adds to the plain autoencoder, and whether chance explains it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import sqrt
from typing import Literal

import msgspec
import numpy as np
from scipy.stats import t as students_t

from .networks import Measured
from .protocol import Protocol
from .records import FIGURES, FOLDS, FigureName
from .scoring import EVERYWHERE

PLAIN = "none"
"""The plain autoencoder, which every variant with labels is held against."""

CONFIDENCE = 0.95


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
