"""The clips that a family of figures rests on, and the family's figures under any weights.

Shapes: N clips, D draws, K figures, E emotions.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import weighted
from .weighted import Vector


class Sample(Protocol):
    """Clips of known truth, which a bootstrap can count in other ways."""

    @property
    def speaker_N(self) -> NDArray[np.str_]:
        """Who speaks: what is resampled."""

    def figures(self, weights_DN: Vector) -> Vector:
        """The figures as columns, a row for each draw; NaN where a draw does not decide one."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Clips of a class that the model knows, and what it named them."""

    speaker_N: NDArray[np.str_]
    truth_N: NDArray[np.intp]
    named_N: NDArray[np.intp]
    confidence_N: Vector

    @property
    def right_N(self) -> NDArray[np.bool_]:
        """Whether the class named is the class."""
        return np.asarray(self.named_N == self.truth_N)

    def figures(self, weights_DN: Vector) -> Vector:
        """UAR, accuracy, calibration error, AUROC, then the recall of each class."""
        recall_DE = weighted.recall(self.truth_N, self.right_N, weights_DN)
        overall = (
            weighted.mean_recall(recall_DE),
            weighted.accuracy(self.right_N, weights_DN),
            weighted.calibration_error(self.confidence_N, self.right_N, weights_DN),
            weighted.discrimination(self.confidence_N, self.right_N, weights_DN),
        )
        return np.column_stack([*overall, recall_DE])


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Clips with a label of one dimension, and what the model says of it, both on [-1, 1]."""

    speaker_N: NDArray[np.str_]
    predicted_N: Vector
    label_N: Vector

    def figures(self, weights_DN: Vector) -> Vector:
        """Pearson, Spearman, concordance."""
        return weighted.agreement(self.predicted_N, self.label_N, weights_DN)


def once(sample: Sample) -> list[float | None]:
    """The figures when each clip counts once; None where the clips do not decide one."""
    figures_K = sample.figures(np.ones((1, len(sample.speaker_N))))[0]
    return [None if np.isnan(value) else float(value) for value in figures_K]


def speakers_of(sample: Sample) -> int:
    """How many people speak."""
    return len(np.unique(sample.speaker_N))
