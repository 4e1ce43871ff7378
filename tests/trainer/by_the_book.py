"""Every figure from its definition or by another library, on plain lists of clips: slow and easy to trust."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import recall_score, roc_auc_score

from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer.samples import Answers, Followed

Vector = NDArray[np.float64]


def of_answers(answers: Answers) -> list[float]:
    """UAR, accuracy, calibration error, AUROC, recall of each class; NaN where undecided."""
    truth_N, named_N, right_N = answers.truth_N, answers.named_N, answers.truth_N == answers.named_N
    present = np.unique(truth_N)
    recall_E = np.full(len(EMOTIONS), np.nan)
    recall_E[present] = recall_score(truth_N, named_N, labels=present, average=None, zero_division=0)
    return [
        float(recall_E[present].mean()),
        float(right_N.mean()),
        calibration_error(answers.confidence_N, right_N),
        roc_auc_score(right_N, answers.confidence_N) if 0 < right_N.mean() < 1 else np.nan,
        *recall_E,
    ]


def of_followed(followed: Followed) -> list[float]:
    """Pearson, Spearman, concordance; NaN where undecided."""
    predicted_N, label_N = followed.predicted_N, followed.label_N
    if len(label_N) < 3 or np.ptp(label_N) == 0:
        return [np.nan] * 3
    if np.ptp(predicted_N) == 0:
        return [0.0] * 3
    return [
        stats.pearsonr(predicted_N, label_N).statistic,
        stats.spearmanr(predicted_N, label_N).statistic,
        concordance(predicted_N, label_N),
    ]


def calibration_error(confidence_N: Vector, right_N: NDArray[np.bool_]) -> float:
    bins = np.array_split(np.argsort(confidence_N, kind="stable"), 10)
    gaps = [abs(sum(confidence_N[row] - right_N[row] for row in rows)) for rows in bins]
    return float(sum(gaps) / len(right_N))


def concordance(predicted_N: Vector, label_N: Vector) -> float:
    covariance = np.cov(predicted_N, label_N, bias=True)[0, 1]
    spread = predicted_N.var() + label_N.var() + (predicted_N.mean() - label_N.mean()) ** 2
    return float(2 * covariance / spread)


def repeated_answers(answers: Answers, times_N: NDArray[np.intp]) -> Answers:
    return Answers(
        *(
            np.repeat(column_N, times_N)
            for column_N in (answers.speaker_N, answers.truth_N, answers.named_N, answers.confidence_N)
        )
    )


def repeated_followed(followed: Followed, times_N: NDArray[np.intp]) -> Followed:
    columns = (followed.speaker_N, followed.predicted_N, followed.label_N)
    return Followed(*(np.repeat(column_N, times_N) for column_N in columns))
