"""Three-frame moving average of descriptor tables, with and without zeros.

`smooth` averages t-1, t, t+1. `smooth_voiced` leaves zeros alone and averages the non-zero values among the
three elsewhere. The first and the last frame of a row stand in for their missing neighbour.

Delay: one frame. Quirk: "non-zero" is exact.

Dimensions: B rows, T frames, D descriptors.
"""

import torch
from torch import Tensor


def neighbours(values_BTD: Tensor, count_B: Tensor) -> tuple[Tensor, Tensor]:
    """The values before and after each frame, rows ending after `count_B` frames."""
    before_BTD = torch.cat([values_BTD[:, :1], values_BTD[:, :-1]], 1)
    after_BTD = torch.cat([values_BTD[:, 1:], values_BTD[:, -1:]], 1)
    frame_T = torch.arange(values_BTD.shape[1], device=count_B.device)
    last_BT1 = (frame_T == count_B[:, None] - 1)[:, :, None]
    return before_BTD, torch.where(last_BT1, values_BTD, after_BTD)


def smooth(values_BTD: Tensor, count_B: Tensor) -> Tensor:
    """Plain mean of three frames."""
    before_BTD, after_BTD = neighbours(values_BTD, count_B)
    return (before_BTD + values_BTD + after_BTD) / 3.0


def smooth_voiced(values_BTD: Tensor, count_B: Tensor) -> Tensor:
    """Mean of the non-zero values among three frames; zero where the frame itself is."""
    before_BTD, after_BTD = neighbours(values_BTD, count_B)
    present_BTD = (values_BTD != 0.0).to(values_BTD.dtype)
    number_BTD = present_BTD + (before_BTD != 0.0) + (after_BTD != 0.0)
    total_BTD = before_BTD + values_BTD + after_BTD
    return total_BTD * present_BTD / number_BTD.clamp(min=1.0)
