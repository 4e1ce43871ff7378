"""Rising and falling slopes between the peaks of a contour.

A peak is a strict local maximum that stands out: extrema closer than a tenth of the contour's range to their
neighbours are dropped, ripples on a slope are merged, and what remains alternates between maxima and minima.
Slopes are those of the straight lines between them, in units per second.

All rules are stated over "the last extremum of a kind before this one", which running maxima of positions
give for all frames at once. Position 0 is never an extremum, so "none before" and "the first value"
coincide.

Quirks: the piece after the last extremum enters the mean but not the deviation, falling ones with the sign
turned; a contour without any extremum has one slope, per frame and not per second.

Dimensions: B rows, T places of a contour.
"""

from typing import NamedTuple

import torch
from torch import Tensor

FRAME_S = 0.01
"""Seconds from frame to frame."""


class Extrema(NamedTuple):
    """Maxima and minima of a contour, both boolean [B, T]."""

    maximum_BT: Tensor
    minimum_BT: Tensor


def previous(mask_BT: Tensor) -> Tensor:
    """The last place before each where the mask holds, or 0."""
    place_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    latest_BT = (place_T * mask_BT).cummax(1)[0]
    return torch.nn.functional.pad(latest_BT[:, :-1], [1, 0])


def local_extrema(values_BT: Tensor, number_B: Tensor) -> Extrema:
    """Strict local extrema at places 2 to n - 3 of the first n values."""
    place_T = torch.arange(values_BT.shape[1], device=values_BT.device)
    inside_BT = (place_T >= 2) & (place_T <= number_B[:, None] - 3)
    change_BT = values_BT.diff(dim=1).sign()
    before_BT = torch.nn.functional.pad(change_BT, [1, 0])
    after_BT = torch.nn.functional.pad(change_BT, [0, 1])
    maximum_BT = inside_BT & (before_BT > 0.0) & (after_BT < 0.0)
    return Extrema(maximum_BT, inside_BT & (before_BT < 0.0) & (after_BT > 0.0))


def _install(values_BT: Tensor, installed_BT: Tensor, contender_BT: Tensor) -> Tensor:
    """Let contenders take over from the last installed maximum where they exceed it by 5 %.

    A take-over changes what later contenders have to exceed: each pass admits the first of every stretch.
    """
    changing = True
    while changing:
        holder_BT = previous(installed_BT)
        exceeds_BT = values_BT > 1.05 * values_BT.gather(1, holder_BT)
        beats_BT = contender_BT & ~installed_BT & exceeds_BT
        first_BT = beats_BT & (previous(beats_BT) <= holder_BT)
        installed_BT = installed_BT | first_BT
        changing = bool(first_BT.any())
    return installed_BT


def prominent_maxima(values_BT: Tensor, extrema: Extrema, threshold_B1: Tensor) -> Tensor:
    """Maxima that stand out from the extremum before them, or from the last deep minimum."""
    extremum_BT = extrema.maximum_BT | extrema.minimum_BT
    near_BT = (values_BT - values_BT.gather(1, previous(extremum_BT))).abs() < threshold_B1
    deep_BT = extrema.minimum_BT & ~near_BT
    tall_BT = extrema.maximum_BT & ~near_BT
    rise_BT = values_BT - values_BT.gather(1, previous(deep_BT))
    small_BT = extrema.maximum_BT & near_BT & (rise_BT >= threshold_B1)
    after_deep_BT = previous(deep_BT) > previous(tall_BT | small_BT)
    installed_BT = _install(values_BT, tall_BT | (small_BT & after_deep_BT), small_BT & ~after_deep_BT)
    holder_BT = previous(installed_BT)
    replaces_BT = installed_BT & small_BT & (values_BT > 1.05 * values_BT.gather(1, holder_BT))
    replaced_BT = torch.zeros_like(holder_BT).scatter_add(1, holder_BT, replaces_BT.to(torch.int64)) > 0
    return installed_BT & ~replaced_BT


def alternate(values_BT: Tensor, extrema: Extrema) -> Extrema:
    """Of maxima in a row keep the highest, of minima the lowest; the first on ties."""
    kept_BT = extrema.maximum_BT | extrema.minimum_BT
    before_BT = previous(kept_BT)
    turned_BT = extrema.maximum_BT ^ extrema.maximum_BT.gather(1, before_BT)
    group_BT = (kept_BT & (turned_BT | (before_BT == 0))).cumsum(1)
    score_BT = torch.where(extrema.maximum_BT, values_BT, -values_BT)
    lowest_BT = torch.full_like(score_BT, -float("inf"))
    score_BT = torch.where(kept_BT, score_BT, lowest_BT)
    best_BG = torch.cat([lowest_BT, lowest_BT[:, :1]], 1).scatter_reduce(1, group_BT, score_BT, "amax")
    winner_BT = kept_BT & (score_BT == best_BG.gather(1, group_BT))
    first_BT = winner_BT & (group_BT.gather(1, previous(winner_BT)) != group_BT)
    return Extrema(extrema.maximum_BT & first_BT, extrema.minimum_BT & first_BT)


def find_extrema(values_BT: Tensor, number_B: Tensor) -> Extrema:
    """The alternating, prominent extrema of the first `number_B` values of each row."""
    place_T = torch.arange(values_BT.shape[1], device=values_BT.device)
    inside_BT = place_T < number_B[:, None]
    held_BT = torch.where(inside_BT, values_BT, values_BT[:, :1])
    threshold_B1 = 0.1 * (held_BT.amax(1, keepdim=True) - held_BT.amin(1, keepdim=True))
    extrema = local_extrema(values_BT, number_B)
    maximum_BT = prominent_maxima(values_BT, extrema, threshold_B1)
    drop_BT = values_BT.gather(1, previous(maximum_BT)) - values_BT
    return alternate(values_BT, Extrema(maximum_BT, extrema.minimum_BT & (drop_BT >= threshold_B1)))


def _slope_statistics(
    slope_BT: Tensor, present_BT: Tensor, extra_B: Tensor, extra_present_B: Tensor
) -> Tensor:
    """Mean with, and deviation without, the piece at the end, [B, 2]."""
    number_B = present_BT.sum(1) + extra_present_B
    total_B = (slope_BT * present_BT).sum(1) + extra_B * extra_present_B
    mean_B = total_B / number_B.clamp(min=1)
    squares_B = ((slope_BT - mean_B[:, None]).square() * present_BT).sum(1)
    return torch.stack([mean_B, (squares_B / number_B.clamp(min=1)).sqrt()], 1)


def slopes(values_BT: Tensor, number_B: Tensor, extrema: Extrema, frame_s: float = FRAME_S) -> Tensor:
    """Mean and deviation of rising, then of falling slopes, [B, 4], in units per second."""
    place_T = torch.arange(values_BT.shape[1], device=values_BT.device)
    before_top_BT, before_bottom_BT = previous(extrema.maximum_BT), previous(extrema.minimum_BT)
    fall_BT = values_BT.gather(1, before_top_BT) - values_BT
    fall_BT = fall_BT / ((place_T - before_top_BT).clamp(min=1).to(fall_BT.dtype) * frame_s)
    rise_BT = values_BT - values_BT.gather(1, before_bottom_BT)
    rise_BT = rise_BT / ((place_T - before_bottom_BT).clamp(min=1).to(rise_BT.dtype) * frame_s)
    kept_BT = extrema.maximum_BT | extrema.minimum_BT
    last_B1 = (place_T * kept_BT).amax(1, keepdim=True)
    end_B1 = (number_B[:, None] - 1).clamp(min=0)
    way_B = (values_BT.gather(1, end_B1) - values_BT.gather(1, last_B1))[:, 0]
    some_B = last_B1[:, 0] > 0
    seconds_B = (end_B1 - last_B1)[:, 0].clamp(min=1).to(way_B.dtype) * frame_s
    # Without an extremum the last place is 0: the whole contour is the piece, over its number of values.
    piece_B = way_B / torch.where(some_B, seconds_B, number_B.clamp(min=1).to(seconds_B.dtype))
    from_top_B = extrema.maximum_BT.gather(1, last_B1)[:, 0]
    falling_B = torch.where(some_B, from_top_B, piece_B < 0.0)
    rising_B = torch.where(some_B, ~from_top_B, piece_B > 0.0)
    rising_B2 = _slope_statistics(rise_BT, extrema.maximum_BT, piece_B, rising_B)
    return torch.cat([rising_B2, _slope_statistics(fall_BT, extrema.minimum_BT, piece_B, falling_B)], 1)
