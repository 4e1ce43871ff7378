"""Statistics of a contour over time: mean, normalised deviation, percentiles.

Quirks: the deviation is divided by the signed mean, so it can be negative and blows up where a mean crosses
zero; percentiles interpolate linearly between the sorted values. Where no value is selected, all is 0.

Dimensions: B rows, T frames, D descriptors.
"""

import torch
from torch import Tensor


def mean_and_deviation(values_BTD: Tensor, selected_BTD: Tensor) -> tuple[Tensor, Tensor]:
    """Mean, and population standard deviation over mean, of the selected values, both [B, D]."""
    weight_BTD = selected_BTD.to(values_BTD.dtype)
    number_BD = weight_BTD.sum(1).clamp(min=1.0)
    mean_BD = (values_BTD * weight_BTD).sum(1) / number_BD
    variance_BD = ((values_BTD - mean_BD[:, None]).square() * weight_BTD).sum(1) / number_BD
    return mean_BD, variance_BD.sqrt() / torch.where(mean_BD == 0.0, torch.ones_like(mean_BD), mean_BD)


def percentile(sorted_BT: Tensor, number_B: Tensor, fraction: float) -> Tensor:
    """The value at place fraction (number - 1) of ascending values, interpolated, [B]; 0 for an empty row."""
    last_B = (number_B - 1).clamp(min=0)
    place_B = fraction * last_B.to(sorted_BT.dtype)
    lower_B = place_B.floor().to(torch.int64)
    upper_B = torch.minimum(lower_B + 1, last_B)
    values_B2 = sorted_BT.gather(1, torch.stack([lower_B, upper_B], 1))
    share_B = place_B - lower_B.to(sorted_BT.dtype)
    value_B = values_B2[:, 0] * (1.0 - share_B) + values_B2[:, 1] * share_B
    return torch.where(number_B > 0, value_B, torch.zeros_like(value_B))


def percentiles(values_BT: Tensor, number_B: Tensor) -> Tensor:
    """20th, 50th and 80th percentile and the range between the outer two, [B, 4].

    The first `number_B` values of each row count.
    """
    frame_T = torch.arange(values_BT.shape[1], device=values_BT.device)
    inside_BT = frame_T < number_B[:, None]
    highest = torch.full_like(values_BT, float("inf"))
    sorted_BT = torch.where(inside_BT, values_BT, highest).sort(1)[0]
    points = [percentile(sorted_BT, number_B, fraction) for fraction in [0.2, 0.5, 0.8]]
    points.append((points[2] - points[0]).abs())
    return torch.stack(points, 1)
