"""The raw features under support vector machines: what every embedding has to be better than.

C and gamma are chosen on the source corpora alone, by leaving out one language at a time (or one fold, where
there is a single language), once for each normalisation. The choice sees the languages that the
leave-one-language-out figures are of: what little that gives, it gives to the baseline.

Shapes: N clips, F features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import msgspec
import numpy as np
from sklearn.svm import SVC, SVR

from cmlstream.trainer.table import FeatureTable, Normalisation

from .material import Labels, Vector, labels_of, scores_of
from .networks import Measured, Subject
from .protocol import SEEDS, Protocol, Split
from .scoring import CACHE_MB, Readers, classes, correlation, read_out, recall, score, values

METHOD = "SVM/SVR on the features"

Space = tuple[Split, Vector]
"""A split, and the standard scores of all clips as it has them."""

CS = (0.1, 0.3, 1.0, 3.0)
GAMMAS = (0.0003, 0.001, 0.003, 0.01)


class Choice(msgspec.Struct, frozen=True):
    """Settings of a support vector machine, and what they were worth on the languages left out."""

    normalisation: str
    target: str
    c: float
    gamma: float
    left_out: float
    """Mean UAR, or mean r, over the splits they were chosen by."""


@dataclass(frozen=True, slots=True, eq=False)
class BaselineTask:
    """The splits that baselines are measured on under one normalisation, and those they are chosen by."""

    table: FeatureTable
    normalisation: Normalisation
    splits: tuple[Split, ...]
    choosing: tuple[Split, ...]

    @property
    def networks(self) -> int:
        """None is trained."""
        return 0

    @property
    def cost(self) -> float:
        """Processor time it takes, in seconds of the machine it was measured on."""
        fits = [*self.splits, *(split for split in self.choosing for _ in product(CS, GAMMAS))]
        return sum(
            MACHINE_S * len(split.training) * (len(split.training) + len(split.tested)) for split in fits
        )


MACHINE_S = 6e-8
"""Of fitting an SVC and two SVRs to raw features, per pair of clips."""


@dataclass(frozen=True, slots=True, eq=False)
class BaselineOutcome:
    """What baselines are worth, and which settings were chosen."""

    measured: list[Measured]
    choices: tuple[Choice, ...]


def run(task: BaselineTask) -> BaselineOutcome:
    """Choose the settings and measure them on every split."""
    labels = labels_of(task.table.clips)
    spaces = [(split, _space(task, split)) for split in task.choosing]
    emotion = _choose(task, "emotion", lambda c, gamma: _worth_of_classes(spaces, labels, c, gamma))
    activation = _choose_values(task, "activation", spaces, labels.weak_activation_N)
    valence = _choose_values(task, "valence", spaces, labels.weak_valence_N)
    readers = Readers(
        emotion=_classifier(emotion.c, emotion.gamma),
        activation=_regressor(activation.c, activation.gamma),
        valence=_regressor(valence.c, valence.gamma),
    )
    measured = [_measure(task, split, labels, readers) for split in task.splits]
    return BaselineOutcome(measured, (emotion, activation, valence))


def baseline_task(table: FeatureTable, splits: Sequence[Split], normalisation: Normalisation) -> BaselineTask:
    """Baselines have no chance of their own: of the folds, those of the first seed are enough."""
    first = tuple(split for split in splits if SEEDS[0] in split.seeds)
    left_out = tuple(split for split in first if split.protocol is Protocol.LEAVE_ONE_OUT)
    apart = tuple(split for split in first if split.protocol is Protocol.APART)
    return BaselineTask(table, normalisation, first, left_out or apart)


def _measure(task: BaselineTask, split: Split, labels: Labels, readers: Readers) -> Measured:
    scores = score(read_out(_space(task, split), labels, split, readers), labels, split)
    subject = Subject(METHOD, split.protocol, task.normalisation, split.name, SEEDS[0])
    return Measured(subject, tuple(scores))


def _space(task: BaselineTask, split: Split) -> Vector:
    return scores_of(task.table, split, task.normalisation).astype(np.float64)


def _choose(task: BaselineTask, target: str, worth_of: Callable[[float, float], float]) -> Choice:
    tried = [
        Choice(task.normalisation, target, c, gamma, worth_of(c, gamma)) for c, gamma in product(CS, GAMMAS)
    ]
    return max(tried, key=lambda choice: choice.left_out)


def _choose_values(task: BaselineTask, target: str, spaces: Sequence[Space], label_N: Vector) -> Choice:
    return _choose(task, target, lambda c, gamma: _worth_of_values(spaces, label_N, c, gamma))


def _worth_of_classes(spaces: Sequence[Space], labels: Labels, c: float, gamma: float) -> float:
    """Mean UAR over the splits that can be measured."""
    emotion_N, reader = labels.emotion_N, _classifier(c, gamma)
    found = [
        recall(classes(scores_NF, emotion_N, split, reader), emotion_N[split.tested])
        for split, scores_NF in spaces
    ]
    return _mean(found)


def _worth_of_values(spaces: Sequence[Space], label_N: Vector, c: float, gamma: float) -> float:
    """Mean r with the labels that are trained on, over the splits that can be measured."""
    reader = _regressor(c, gamma)
    found = [
        correlation(values(scores_NF, label_N, split, reader), label_N[split.tested])
        for split, scores_NF in spaces
    ]
    return _mean(found)


def _mean(found: Sequence[float | None]) -> float:
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else 0.0


def _classifier(c: float, gamma: float) -> SVC:
    return SVC(C=c, gamma=gamma, class_weight="balanced", cache_size=CACHE_MB)


def _regressor(c: float, gamma: float) -> SVR:
    return SVR(C=c, gamma=gamma, cache_size=CACHE_MB)
