"""How well neighbouring stretches of a waveform agree, for many lags at once.

The normalised cross-correlation of x[q .. q+k) and x[q+k .. q+2k): means removed, each stretch by its own
mean and norm. Means and norms come from running sums; of the products, those that all lags share are added up
once. Samples are whole numbers (16 bits), so that all of this is exact in float64, in whatever order it is
added up, and a stretch that stands still has a spread of exactly 0.

Dimensions: N samples, R positions, J lags, L samples of the longest period, S samples of a period and its
lags, T two samples for each lag.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Views(NamedTuple):
    """Stretches that begin at every sample: the samples of a period, of its later lags and of its last ones.

    `sums_NJ` and `ends_NJ` are running sums of the samples (real part) and their squares (imaginary), for
    each lag and for each second one; `length_KJ` are lags.
    """

    head_NL: Tensor
    late_NS: Tensor
    tail_NT: Tensor
    sums_N: Tensor
    sums_NJ: Tensor
    ends_NJ: Tensor
    length_KJ: Tensor


def products(views: Views, position_R: Tensor, lowest_R: Tensor, lags: int) -> Tensor:
    """Sums of x[q + n] x[q + n + k] over n < k for `lags` lags k from `lowest_R` on, [R, J]."""
    # n < lowest is common to all lags; behind it each lag has one product more than the one before.
    rows, longest, span = position_R.shape[0], views.head_NL.shape[1], views.late_NS.shape[1]
    sample_L = torch.arange(longest, device=position_R.device)
    head_RL = views.head_NL.index_select(0, position_R) * (sample_L < lowest_R[:, None])
    late_position_R = position_R + lowest_R
    late_RS = views.late_NS.index_select(0, late_position_R)
    tail_RT = views.tail_NT.index_select(0, late_position_R + lowest_R)
    square_RJL = late_RS.as_strided([rows, lags, longest], [span, 1, 1]) * head_RL[:, None]
    triangle_RJJ = tail_RT.as_strided([rows, lags, lags], [2 * lags, 1, 1]).tril(-1)
    return square_RJL.sum(2).add_(triangle_RJJ.mul_(late_RS[:, None, :lags]).sum(2))


def correlate(views: Views, position_R: Tensor, lowest_R: Tensor, lags: int) -> Tensor:
    """Normalised cross-correlation of neighbouring stretches for `lags` lags from `lowest_R` on, [R, J].

    Where a stretch does not move there is none: 0.
    """
    product_RJ = products(views, position_R, lowest_R, lags)
    middle_R = position_R + lowest_R
    middle_RJ = views.sums_NJ.index_select(0, middle_R)
    end_RJ = views.ends_NJ.index_select(0, middle_R + lowest_R)
    first_RJ = torch.view_as_real(middle_RJ - views.sums_N.index_select(0, position_R)[:, None])
    second_RJ = torch.view_as_real(end_RJ - middle_RJ)
    lag_RJ = views.length_KJ.index_select(0, lowest_R)
    sum_RJ, squares_RJ = first_RJ.unbind(2)
    later_sum_RJ, later_squares_RJ = second_RJ.unbind(2)
    # Covariance and spreads times k: k sum(x y) - sum(x) sum(y), whole numbers.
    covariance_RJ = product_RJ.mul_(lag_RJ).addcmul_(sum_RJ, later_sum_RJ, value=-1.0)
    spread_RJ = torch.addcmul(squares_RJ * lag_RJ, sum_RJ, sum_RJ, value=-1.0)
    later_spread_RJ = torch.addcmul(later_squares_RJ * lag_RJ, later_sum_RJ, later_sum_RJ, value=-1.0)
    return spread_RJ.mul_(later_spread_RJ).clamp_(min=1.0).rsqrt_().mul_(covariance_RJ)
