"""What a model says of clips, and how good that is: recall, correlation and calibration.

Shapes: N clips, B rows of a batch, F features, E emotions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from cmlstream.models.affect import AffectModel
from cmlstream.models.contract import EMOTIONS

from .figures import Agreement, Bin
from .figures import Figures as Figures
from .manifest import Clip
from .samples import Answers, Followed, once, speakers_of
from .table import FeatureTable, Scores
from .weighted import CALIBRATION_BINS
from .weighted import Vector as Vector


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


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Predictions of several sets of clips, one after another."""
    return Predictions(
        np.concatenate([part.activation_N for part in parts]),
        np.concatenate([part.valence_N for part in parts]),
        np.concatenate([part.emotion_NE for part in parts]),
    )


def measure(clips: Sequence[Clip], predictions: Predictions) -> Figures:
    """Compare predictions with what is known of the clips."""
    answers = answers_of(clips, predictions)
    uar, wa, ece, auroc, *recalls = once(answers)
    recall = zip(EMOTIONS, recalls, strict=True)
    return Figures(
        n=len(clips),
        speakers=len({clip.speaker for clip in clips}),
        classified=len(answers.truth_N),
        uar=uar,
        wa=wa,
        ece=ece,
        auroc=auroc,
        recall={emotion: value for emotion, value in recall if value is not None},
        confusion=_confusion(answers),
        calibration=_calibration(answers),
        activation=_agreement(activation_of(clips, predictions)),
        valence=_agreement(valence_of(clips, predictions)),
    )


def measure_groups(
    clips: Sequence[Clip], predictions: Predictions, names: Sequence[str]
) -> dict[str, Figures]:
    """Figures of every group of clips, by its name; clips with an empty name are in none."""
    return {
        name: measure([clips[row] for row in rows], predictions.of(rows)) for name, rows in groups_of(names)
    }


def groups_of(names: Sequence[str]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Each name but the empty one, in order, with the places where it stands."""
    names_N = np.asarray(names)
    for name in sorted(set(names) - {""}):
        yield name, np.flatnonzero(names_N == name)


def selection_score(figures: Figures) -> float:
    """What early stopping maximises: UAR, and beside it the correlations that are known, at half weight."""
    correlations = [
        side.pearson for side in (figures.activation, figures.valence) if side.pearson is not None
    ]
    return (figures.uar or 0.0) + (0.5 * float(np.mean(correlations)) if correlations else 0.0)


def published_scale(label_N: Vector) -> Vector:
    """Labels on 1..5 as the program publishes them, on [-1, 1]."""
    return (label_N - 3) / 2


def answers_of(clips: Sequence[Clip], predictions: Predictions) -> Answers:
    """The clips of a class that the model knows."""
    truth_N = np.array([clip.emotion_number for clip in clips])
    known_N = truth_N >= 0
    return Answers(
        speaker_N=_speakers(clips)[known_N],
        truth_N=truth_N[known_N],
        named_N=predictions.emotion_NE.argmax(1)[known_N],
        confidence_N=predictions.confidence_N[known_N],
    )


def activation_of(clips: Sequence[Clip], predictions: Predictions) -> Followed:
    """The clips whose activation is labelled."""
    return _followed(clips, predictions.activation_N, np.array([clip.activation for clip in clips]))


def valence_of(clips: Sequence[Clip], predictions: Predictions) -> Followed:
    """The clips whose valence is labelled."""
    return _followed(clips, predictions.valence_N, np.array([clip.valence for clip in clips]))


def _followed(clips: Sequence[Clip], predicted_N: Vector, label_N: Vector) -> Followed:
    known_N = ~np.isnan(label_N)
    return Followed(_speakers(clips)[known_N], predicted_N[known_N], published_scale(label_N[known_N]))


def _speakers(clips: Sequence[Clip]) -> NDArray[np.str_]:
    return np.array([clip.speaker for clip in clips])


def _agreement(followed: Followed) -> Agreement:
    pearson, spearman, ccc = once(followed)
    return Agreement(
        n=len(followed.label_N), speakers=speakers_of(followed), pearson=pearson, spearman=spearman, ccc=ccc
    )


def _confusion(answers: Answers) -> dict[str, dict[str, int]]:
    counts_EE = np.zeros((len(EMOTIONS), len(EMOTIONS)), int)
    np.add.at(counts_EE, (answers.truth_N, answers.named_N), 1)
    return {
        truth: dict(zip(EMOTIONS, counts_E.tolist(), strict=True))
        for truth, counts_E in zip(EMOTIONS, counts_EE, strict=True)
        if counts_E.any()
    }


def _calibration(answers: Answers) -> tuple[Bin, ...]:
    order = np.argsort(answers.confidence_N, kind="stable")
    bins = [rows for rows in np.array_split(order, CALIBRATION_BINS) if len(rows)]
    return tuple(
        Bin(len(rows), float(answers.confidence_N[rows].mean()), float(answers.right_N[rows].mean()))
        for rows in bins
    )
