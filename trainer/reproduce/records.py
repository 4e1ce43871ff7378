"""Figures of each method on each language, as means over seeds and folds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
import numpy as np

from cmlstream.trainer.losses import VARIANTS
from cmlstream.trainer.table import Normalisation

from .networks import Measured, Subject
from .protocol import Protocol
from .scoring import EVERYWHERE, Score

FOLDS = (Protocol.SHARED, Protocol.APART)
OTHER_FOLDS = "the other folds"

EACH_IN_TURN = "each left out in turn"
"""What figures over the clips of all left-out languages are trained on."""

FigureName = Literal["uar", "activation", "valence", "mean_activation", "mean_valence"]
FIGURES: tuple[FigureName, ...] = ("uar", "activation", "valence", "mean_activation", "mean_valence")
CONFIDENCE_FIGURES = ("ece", "chance_ece", "auroc")


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
    ece: Figure | None = None
    """Expected calibration error of confidence, of methods that have any, as the two below."""
    chance_ece: Figure | None = None
    """What it would be on as many clips if every probability were true."""
    auroc: Figure | None = None
    """Of confidence against being right."""

    @property
    def is_of_language(self) -> bool:
        """Whether it tells of one language, not of several together."""
        return self.language != EVERYWHERE


def records_of(measured: Iterable[Measured]) -> Iterator[Record]:
    """Figures put together over seeds, and over folds where the split is one."""
    found: dict[tuple[str, str, str, str, str], list[Score]] = defaultdict(list)
    for one in measured:
        for score in one.scores:
            found[(*_place(one.subject), score.language)].append(score)
    for place, scores in sorted(found.items(), key=lambda item: _order(*item[0])):
        figures = [
            _figure(getattr(score, name) for score in scores) for name in (*FIGURES, *CONFIDENCE_FIGURES)
        ]
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
