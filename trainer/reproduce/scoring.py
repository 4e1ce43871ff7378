"""What a frozen latent, or the raw features, tell of emotion, activation and valence.

Every variant gets the same readers, fitted to the training clips alone: a classifier for the class and a
regressor for each dimension. So a latent without labels, whose axes have no meaning of their own, is
asked the same question as one that was built around a label. The mean of the latent (of its halves, for
`actval`), which the published figures correlate with the labels, is scored beside it.

Shapes: N clips, T clips that are measured, D dimensions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin, clone
from sklearn.linear_model import Ridge
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from cmlstream.trainer.losses import Variant

from .material import Labels, Vector
from .protocol import Split

EVERYWHERE = "all"
"""The name of the figures over all clips that a split measures, whatever their language."""

FEWEST_LABELS = 3

CACHE_MB = 500
"""For kernels: enough for the largest training set here."""


@dataclass(frozen=True, slots=True, eq=False)
class Readers:
    """What reads points of a space: unfitted estimators of scikit-learn."""

    emotion: ClassifierMixin
    activation: RegressorMixin
    valence: RegressorMixin


def latent_readers() -> Readers:
    """For a latent of a few dimensions: an RBF SVM, and ridge regression (an SVR adds little)."""
    classifier = SVC(class_weight="balanced", cache_size=CACHE_MB)
    return Readers(
        make_pipeline(StandardScaler(), classifier),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(StandardScaler(), Ridge()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """What a latent's own mean says of the measured clips, without a reader."""

    activation_T: Vector
    valence_T: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What is said of the measured clips of a split, in their order; class -1, or NaN, where nothing is.

    Of activation and valence only order and spacing count, not the scale.
    """

    emotion_T: NDArray[np.intp]
    activation_T: Vector
    valence_T: Vector
    means: Means | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Figures over the measured clips of one language, or of all; None where nothing can be said."""

    language: str
    uar: float | None
    activation: float | None
    """Pearson's r with the published labels, as the three below."""
    valence: float | None
    mean_activation: float | None
    mean_valence: float | None
    ece: float | None = None
    """Expected calibration error of confidence, of methods that have any, as the two below."""
    chance_ece: float | None = None
    """What it would be on as many clips if every probability were true."""
    auroc: float | None = None
    """Of confidence against being right."""


def read_out(points_ND: NDArray[np.floating], labels: Labels, split: Split, readers: Readers) -> Readings:
    """Fit the readers to the training clips and read the measured ones."""
    return Readings(
        emotion_T=classes(points_ND, labels.emotion_N, split, readers.emotion),
        activation_T=values(points_ND, labels.weak_activation_N, split, readers.activation),
        valence_T=values(points_ND, labels.weak_valence_N, split, readers.valence),
    )


def latent_means(latent_TD: NDArray[np.floating], variant: Variant) -> Means:
    """The mean of the latent, which the metric ties to a label: of each half for `actval`, else of all."""
    halves = (latent_TD, latent_TD) if variant != "actval" else np.array_split(latent_TD, 2, axis=1)
    activation_T, valence_T = (half_TD.mean(1, dtype=np.float64) for half_TD in halves)
    return Means(activation_T, valence_T)


def score(readings: Readings, labels: Labels, split: Split) -> list[Score]:
    """Compare readings with what is known, over all measured clips and for each of their languages."""
    language_T = labels.language_N[split.tested]
    groups = [(EVERYWHERE, np.full(len(language_T), True))]
    groups += [(str(language), language_T == language) for language in np.unique(language_T)]
    return [_score(name, readings, labels, split, chosen_T) for name, chosen_T in groups]


def _score(name: str, readings: Readings, labels: Labels, split: Split, chosen_T: NDArray[np.bool_]) -> Score:
    clips, means = split.tested[chosen_T], readings.means
    activation, valence = labels.activation_N[clips], labels.valence_N[clips]
    return Score(
        language=name,
        uar=recall(readings.emotion_T[chosen_T], labels.emotion_N[clips]),
        activation=correlation(readings.activation_T[chosen_T], activation),
        valence=correlation(readings.valence_T[chosen_T], valence),
        mean_activation=correlation(means.activation_T[chosen_T], activation) if means else None,
        mean_valence=correlation(means.valence_T[chosen_T], valence) if means else None,
    )


def recall(named_N: NDArray[np.intp], truth_N: NDArray[np.intp]) -> float | None:
    """Unweighted average recall over the classes that occur; None where no class or no answer is known."""
    known_N = truth_N >= 0
    if not known_N.any() or (named_N[known_N] < 0).all():
        return None
    classes = np.unique(truth_N[known_N])
    found: float = recall_score(
        truth_N[known_N], named_N[known_N], labels=classes, average="macro", zero_division=0.0
    )
    return float(found)


def correlation(said_N: Vector, label_N: Vector) -> float | None:
    """Pearson's r with labels; None where fewer than three are known, all are equal, or nothing is said.

    It is 0 where the same is said of every clip.
    """
    known_N = ~np.isnan(label_N)
    said_N, label_N = said_N[known_N], label_N[known_N]
    if len(label_N) < FEWEST_LABELS or np.isnan(said_N).any() or np.ptp(label_N) == 0:
        return None
    return float(np.corrcoef(said_N, label_N)[0, 1]) if np.ptp(said_N) > 0 else 0.0


def classes(
    points_ND: NDArray[np.floating], emotion_N: NDArray[np.intp], split: Split, reader: ClassifierMixin
) -> NDArray[np.intp]:
    """The class that a reader gives each measured clip; -1 where fewer than two classes can be learned."""
    known = split.training[emotion_N[split.training] >= 0]
    if len(np.unique(emotion_N[known])) < 2:
        return np.full(len(split.tested), -1)
    said_T: NDArray[np.intp] = (
        clone(reader).fit(points_ND[known], emotion_N[known]).predict(points_ND[split.tested])
    )
    return said_T


def values(points_ND: NDArray[np.floating], label_N: Vector, split: Split, reader: RegressorMixin) -> Vector:
    """The value that a reader gives each measured clip; NaN where the training labels do not differ."""
    known = split.training[~np.isnan(label_N[split.training])]
    if len(np.unique(label_N[known])) < 2:
        return np.full(len(split.tested), np.nan)
    said_T: Vector = clone(reader).fit(points_ND[known], label_N[known]).predict(points_ND[split.tested])
    return said_T
