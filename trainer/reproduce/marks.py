"""What the model that ships must reach in unseen languages, and whether ours does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from statistics import fmean
from typing import Literal

import msgspec

from .baselines import METHOD as BASELINE
from .judging import TOGETHER
from .ours import ALIKE, OURS, PROTOCOLS
from .records import Figure, Record

METHODS = (OURS, TOGETHER, ALIKE)

RecordedName = Literal["uar", "activation", "valence", "ece", "chance_ece", "auroc"]


class Over(StrEnum):
    """How the languages of a protocol become one value."""

    MEAN = "mean"
    LOWEST = "lowest"


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing that is asked for."""

    number: int
    """Of the mark it belongs to."""
    what: str
    figure: RecordedName
    over: Over
    value: float
    above_baseline: bool = False
    """Whether it is asked of the difference from the support vector machines."""
    at_most: bool = False


GOALS = (
    Goal(2, "UAR above the SVM's, mean", "uar", Over.MEAN, 0.05, above_baseline=True),
    Goal(2, "UAR above the SVM's, worst language", "uar", Over.LOWEST, 0.0, above_baseline=True),
    Goal(2, "r of activation", "activation", Over.LOWEST, 0.70),
    Goal(2, "r of activation above the SVR's", "activation", Over.LOWEST, 0.0, above_baseline=True),
    Goal(2, "r of valence", "valence", Over.LOWEST, 0.40),
    Goal(2, "r of valence above the SVR's", "valence", Over.LOWEST, 0.0, above_baseline=True),
    Goal(3, "calibration error, mean", "ece", Over.MEAN, 0.05, at_most=True),
    Goal(3, "AUROC of confidence, mean", "auroc", Over.MEAN, 0.65),
)


class Mark(msgspec.Struct, frozen=True):
    """Whether a method reaches a goal."""

    number: int
    what: str
    protocol: str
    normalisation: str
    method: str
    goal: float
    at_most: bool
    value: float
    where: str
    """The language of the lowest value; empty for a mean over languages."""
    reached: bool


def marks_of(records: Sequence[Record]) -> Iterator[Mark]:
    """Every goal, under every protocol, normalisation and method that has the figures."""
    for protocol in PROTOCOLS:
        chosen = [record for record in records if record.protocol == protocol and record.is_of_language]
        for normalisation in dict.fromkeys(record.normalisation for record in chosen):
            alike = [record for record in chosen if record.normalisation == normalisation]
            for goal in GOALS:
                for method in METHODS:
                    yield from _mark(goal, method, alike)


def _mark(goal: Goal, method: str, records: Sequence[Record]) -> Iterator[Mark]:
    values = of_languages(records, method, goal.figure)
    if goal.above_baseline:
        baseline = of_languages(records, BASELINE, goal.figure)
        values = {name: value - baseline[name] for name, value in values.items() if name in baseline}
    if not values:
        return
    lowest = min(values, key=lambda language: values[language])
    value = fmean(values.values()) if goal.over is Over.MEAN else values[lowest]
    yield Mark(
        number=goal.number,
        what=goal.what,
        protocol=records[0].protocol,
        normalisation=records[0].normalisation,
        method=method,
        goal=goal.value,
        at_most=goal.at_most,
        value=value,
        where="" if goal.over is Over.MEAN else lowest,
        reached=value <= goal.value if goal.at_most else value >= goal.value,
    )


def of_languages(records: Sequence[Record], method: str, name: RecordedName) -> dict[str, float]:
    """A figure of a method in each language that has it."""
    figure_of = attrgetter(name)
    found: dict[str, Figure | None] = {
        record.language: figure_of(record) for record in records if record.method == method
    }
    return {language: figure.mean for language, figure in found.items() if figure is not None}
