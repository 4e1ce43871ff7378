"""Figures of clips that count several times or not at all, for many such countings at once.

A draw of a bootstrap is nothing but how often each clip counts, and in a plain measurement each counts
once: one definition of every figure serves both. A figure is NaN in a draw that does not decide it.

Shapes: D draws, N clips, E emotions, T distinct values, B bins.
"""

import numpy as np
from numpy.typing import NDArray

from cmlstream.models.contract import EMOTIONS

CALIBRATION_BINS = 10

NEGLIGIBLE = 1e-12
"""A variance below this, of values on [-1, 1], is rounding."""

Vector = NDArray[np.float64]
Truths = NDArray[np.bool_]


def recall(truth_N: NDArray[np.intp], right_N: Truths, weights_DN: Vector) -> Vector:
    """The share of each class named rightly, recall_DE; NaN where a class does not occur."""
    member_NE = truth_N[:, None] == np.arange(len(EMOTIONS))
    return _ratio(weights_DN @ (member_NE & right_N[:, None]), weights_DN @ member_NE)


def mean_recall(recall_DE: Vector) -> Vector:
    """Unweighted average recall, over the classes that occur."""
    return _ratio(np.nansum(recall_DE, axis=1), np.isfinite(recall_DE).sum(1).astype(np.float64))


def accuracy(right_N: Truths, weights_DN: Vector) -> Vector:
    """Share of clips named rightly, which the literature on speech emotion calls weighted accuracy."""
    return _ratio(weights_DN @ right_N, weights_DN.sum(1))


def calibration_error(confidence_N: Vector, right_N: Truths, weights_DN: Vector) -> Vector:
    """Expected calibration error: |confidence - accuracy|, mean over bins of equal mass.

    The clips stand in ascending order of confidence, each as often as it counts; the bins part this row as
    `np.array_split` does. What a bin is off by is read from the running sum of (confidence - right), which
    rises straight from one clip to the next.
    """
    order_N = np.argsort(confidence_N, kind="stable")
    sorted_DN = weights_DN[:, order_N]
    places_DN = _running_sum(sorted_DN)
    excess_DN = _running_sum(sorted_DN * (confidence_N - right_N)[order_N])
    share_D, left_over_D = np.divmod(places_DN[:, -1:], CALIBRATION_BINS)
    bins_B = np.arange(CALIBRATION_BINS + 1)
    borders_DB = bins_B * share_D + np.minimum(bins_B, left_over_D)
    at_borders_DB = np.array(
        [np.interp(*line) for line in zip(borders_DB, places_DN, excess_DN, strict=True)]
    )
    return _ratio(np.abs(np.diff(at_borders_DB)).sum(1), places_DN[:, -1])


def discrimination(confidence_N: Vector, right_N: Truths, weights_DN: Vector) -> Vector:
    """AUROC of confidence against being right: 1 when every right answer is surer than every wrong one.

    It is the Mann-Whitney statistic, from ranks; NaN where all answers are right or all wrong.
    """
    right_DN = weights_DN * right_N
    right_D = right_DN.sum(1)
    wrong_D = weights_DN.sum(1) - right_D
    rank_sum_D = np.einsum("dn,dn->d", right_DN, midranks(confidence_N, weights_DN))
    return _ratio(rank_sum_D - right_D * (right_D + 1) / 2, right_D * wrong_D)


def agreement(predicted_N: Vector, label_N: Vector, weights_DN: Vector) -> Vector:
    """Pearson's r, Spearman's rho and Lin's concordance of values on [-1, 1]: three columns, a row per draw.

    NaN where fewer than three clips count or all labels are the same; a prediction that is always the same
    agrees with nothing: 0. Ranks are taken anew in each draw.
    """
    total_D = weights_DN.sum(1)
    predicted_D, label_D, predicted_square_D, label_square_D, product_D = (
        _ratio(weights_DN @ column_N, total_D)
        for column_N in (predicted_N, label_N, predicted_N**2, label_N**2, predicted_N * label_N)
    )
    predicted_variance_D = predicted_square_D - predicted_D**2
    label_variance_D = label_square_D - label_D**2
    covariance_D = product_D - predicted_D * label_D
    offset_D = predicted_D - label_D
    spread_D = predicted_variance_D + label_variance_D + offset_D**2
    figures_D3 = np.column_stack(
        [
            _correlation(covariance_D, predicted_variance_D, label_variance_D),
            _rank_correlation(predicted_N, label_N, weights_DN),
            _ratio(2 * covariance_D, spread_D),
        ]
    )
    decided_D = (total_D >= 3) & (label_variance_D > NEGLIGIBLE)
    return np.where(decided_D[:, None], figures_D3, np.nan)


def midranks(values_N: Vector, weights_DN: Vector) -> Vector:
    """The rank of each clip among all, from 1, each as often as it counts; equal values share their mean."""
    _, place_N, count_T = np.unique(values_N, return_inverse=True, return_counts=True)
    first_T = np.cumsum(count_T) - count_T
    weights_DT = np.add.reduceat(weights_DN[:, np.argsort(place_N)], first_T, axis=1)
    middle_DT = np.cumsum(weights_DT, axis=1) - (weights_DT - 1) / 2
    return np.asarray(middle_DT[:, place_N])


def _rank_correlation(predicted_N: Vector, label_N: Vector, weights_DN: Vector) -> Vector:
    total_D1 = weights_DN.sum(1, keepdims=True)
    middle_D1 = (total_D1 + 1) / 2  # the mean of midranks, however many are equal
    predicted_DN = (midranks(predicted_N, weights_DN) - middle_D1) / total_D1
    label_DN = (midranks(label_N, weights_DN) - middle_D1) / total_D1
    pairs = ((predicted_DN, label_DN), (predicted_DN, predicted_DN), (label_DN, label_DN))
    sums = [np.einsum("dn,dn,dn->d", weights_DN, left_DN, right_DN) for left_DN, right_DN in pairs]
    return _correlation(*(_ratio(sum_D, total_D1[:, 0]) for sum_D in sums))


def _correlation(covariance_D: Vector, left_variance_D: Vector, right_variance_D: Vector) -> Vector:
    varied_D = (left_variance_D > NEGLIGIBLE) & (right_variance_D > NEGLIGIBLE)
    product_D = np.where(varied_D, left_variance_D * right_variance_D, 1.0)
    return np.where(varied_D, covariance_D / np.sqrt(product_D), 0.0).clip(-1.0, 1.0)


def _running_sum(values_DN: Vector) -> Vector:
    """The sum before each clip, and after the last."""
    sums_DN = np.zeros((len(values_DN), values_DN.shape[1] + 1))
    np.cumsum(values_DN, axis=1, out=sums_DN[:, 1:])
    return sums_DN


def _ratio(part: Vector, whole: Vector) -> Vector:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0))
