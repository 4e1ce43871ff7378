"""How good a model is on clips it never saw: recall, correlation and calibration.

Shapes: N clips, E emotions.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from cmlstream.models.affect import AffectModel
from cmlstream.models.archive import Archive
from cmlstream.models.contract import EMOTIONS

from .manifest import Clip
from .table import FeatureTable, Normalisation, Scores, normalise

CALIBRATION_BINS = 10

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a model says of each clip."""

    activation_N: Vector
    valence_N: Vector
    emotion_NE: Vector

    @property
    def confidence_N(self) -> Vector:
        """Probability of the named emotion."""
        return np.asarray(self.emotion_NE.max(1))

    def cooled(self, temperature: float) -> "Predictions":
        """The same with emotion probabilities as another temperature would have made them."""
        powers_NE = self.emotion_NE ** (1 / temperature)
        return Predictions(self.activation_N, self.valence_N, powers_NE / powers_NE.sum(1, keepdims=True))

    def of(self, rows: NDArray[np.intp]) -> "Predictions":
        """The predictions of some clips."""
        return Predictions(self.activation_N[rows], self.valence_N[rows], self.emotion_NE[rows])


class Agreement(msgspec.Struct, frozen=True):
    """How a dimension follows its published labels; null where fewer than three clips have one."""

    n: int
    pearson: float | None
    ccc: float | None
    """Lin's concordance: like Pearson's r, but scale and offset must agree too."""


class Figures(msgspec.Struct, frozen=True):
    """A model's figures over some clips; null where no clip has a class that the model knows."""

    n: int
    classified: int
    """Clips of a class that the model knows: those that the next three figures rest on."""
    uar: float | None
    """Unweighted average recall: the mean over classes of the share named rightly."""
    wa: float | None
    """Share of clips named rightly."""
    ece: float | None
    """Expected calibration error: |confidence - accuracy|, mean over bins of equal mass."""
    recall: dict[str, float]
    activation: Agreement
    valence: Agreement


class Groups(msgspec.Struct, frozen=True):
    """Figures by what clips have in common."""

    corpus: dict[str, Figures]
    language: dict[str, Figures]
    sex: dict[str, Figures]


class Evaluation(msgspec.Struct, frozen=True):
    """What a model is worth on a manifest, and how its features were normalised."""

    normalisation: str
    excluded: dict[str, int]
    """Clips of classes that the model does not know, which recall leaves out, by class."""
    overall: Figures
    groups: Groups


def evaluate(archive: Archive, table: FeatureTable, normalisation: Normalisation, seed: int) -> Evaluation:
    """Measure an archive on all clips of a table and on its groups."""
    predictions = predict(archive.script, table, normalise(table, archive.prior, normalisation, seed))
    clips = table.clips
    return Evaluation(
        normalisation=normalisation.value,
        excluded=dict(Counter(clip.emotion for clip in clips if clip.emotion and clip.emotion_number < 0)),
        overall=measure(clips, predictions),
        groups=Groups(
            corpus=measure_groups(clips, predictions, [clip.corpus for clip in clips]),
            language=measure_groups(clips, predictions, [clip.language for clip in clips]),
            sex=measure_groups(clips, predictions, [clip.sex for clip in clips]),
        ),
    )


def measure_groups(
    clips: Sequence[Clip], predictions: Predictions, names: Sequence[str]
) -> dict[str, Figures]:
    """Figures of every group of clips, by its name; clips with an empty name are in none."""
    groups = {}
    for name in sorted(set(names) - {""}):
        rows = np.array([row for row, other in enumerate(names) if other == name])
        groups[name] = measure([clips[row] for row in rows], predictions.of(rows))
    return groups


def predict(
    model: AffectModel | torch.jit.ScriptModule, table: FeatureTable, scores_NF: Scores
) -> Predictions:
    """Estimates of each clip's longest region, from standard scores."""
    longest_BF = torch.from_numpy(scores_NF[longest_regions(table)])
    with torch.inference_mode():
        # Scores against a baseline of zero and one are what they were.
        outputs = model.estimate(longest_BF, torch.zeros_like(longest_BF), torch.ones_like(longest_BF))
    return Predictions(
        activation_N=outputs.activation_B.double().numpy(),
        valence_N=outputs.valence_B.double().numpy(),
        emotion_NE=outputs.emotion_BE.double().numpy(),
    )


def longest_regions(table: FeatureTable) -> NDArray[np.intp]:
    """The row of each clip's region with the most speech: what stands for the clip in every figure."""
    rows_N = np.flatnonzero(table.whole_N)
    order = np.lexsort((-table.speech_s_N[rows_N], table.clip_N[rows_N]))
    ordered_N = rows_N[order]
    first = np.searchsorted(table.clip_N[ordered_N], np.arange(len(table.clips)))
    return np.asarray(ordered_N[first])


def measure(clips: Sequence[Clip], predictions: Predictions) -> Figures:
    """Compare predictions with what is known of the clips."""
    truth_N = np.array([clip.emotion_number for clip in clips])
    known_N = truth_N >= 0
    named_N = predictions.emotion_NE.argmax(1)
    right_N = named_N == truth_N
    recall = {
        emotion: float(right_N[truth_N == number].mean())
        for number, emotion in enumerate(EMOTIONS)
        if (truth_N == number).any()
    }
    return Figures(
        n=len(clips),
        classified=int(known_N.sum()),
        uar=float(np.mean(list(recall.values()))) if recall else None,
        wa=float(right_N[known_N].mean()) if recall else None,
        ece=calibration_error(predictions.confidence_N[known_N], right_N[known_N]) if recall else None,
        recall=recall,
        activation=agreement(predictions.activation_N, np.array([clip.activation for clip in clips])),
        valence=agreement(predictions.valence_N, np.array([clip.valence for clip in clips])),
    )


def calibration_error(confidence_N: Vector, right_N: NDArray[np.bool_]) -> float:
    """Expected calibration error over bins of equal mass."""
    order = np.argsort(confidence_N, kind="stable")
    bins = [rows for rows in np.array_split(order, CALIBRATION_BINS) if len(rows)]
    gaps = [len(rows) * abs(confidence_N[rows].mean() - right_N[rows].mean()) for rows in bins]
    return float(sum(gaps) / len(order))


def agreement(predicted_N: Vector, label_N: Vector) -> Agreement:
    """Correlation and concordance with labels on the scale 1..5, where there are any."""
    known_N = ~np.isnan(label_N)
    predicted_N, label_N = predicted_N[known_N], published_scale(label_N[known_N])
    if len(label_N) < 3 or label_N.std() == 0:
        return Agreement(len(label_N), None, None)
    if predicted_N.std() == 0:
        return Agreement(len(label_N), 0.0, 0.0)
    covariance = float(np.mean((predicted_N - predicted_N.mean()) * (label_N - label_N.mean())))
    spread = predicted_N.var() + label_N.var() + (predicted_N.mean() - label_N.mean()) ** 2
    return Agreement(
        n=len(label_N),
        pearson=float(covariance / (predicted_N.std() * label_N.std())),
        ccc=float(2 * covariance / spread),
    )


def published_scale(label_N: Vector) -> Vector:
    """Labels on 1..5 as the program publishes them, on [-1, 1]."""
    return (label_N - 3) / 2


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Predictions of several sets of clips, one after another."""
    return Predictions(
        np.concatenate([part.activation_N for part in parts]),
        np.concatenate([part.valence_N for part in parts]),
        np.concatenate([part.emotion_NE for part in parts]),
    )


def selection_score(figures: Figures) -> float:
    """What early stopping maximises: UAR, and beside it the correlations that are known, at half weight."""
    correlations = [
        side.pearson for side in (figures.activation, figures.valence) if side.pearson is not None
    ]
    return (figures.uar or 0.0) + (0.5 * float(np.mean(correlations)) if correlations else 0.0)
