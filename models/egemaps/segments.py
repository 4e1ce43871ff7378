"""Voiced and unvoiced stretches: how many, how long, how varied.

A stretch of a class is a run of its frames, in which gaps of a single frame are bridged; it counts if it
holds at least three frames of the class.

Quirk: its length is the index of its last frame less that of its first, one less than the frames it spans.

Dimensions: B rows, T frames, G stretches.
"""

import torch
from torch import Tensor

FRAME_S = 0.01
LEAST_FRAMES = 3


def segment_statistics(
    member_BT: Tensor, frame_s: float = FRAME_S, least_frames: int = LEAST_FRAMES
) -> tuple[Tensor, Tensor, Tensor]:
    """Number of stretches, and mean and population deviation of their lengths in seconds, each [B]."""
    outside_B1 = torch.zeros_like(member_BT[:, :1])
    before_BT = torch.cat([outside_B1, member_BT[:, :-1]], 1)
    after_BT = torch.cat([member_BT[:, 1:], outside_B1], 1)
    bridged_BT = member_BT | (before_BT & after_BT)
    begins_BT = bridged_BT & ~torch.cat([outside_B1, bridged_BT[:, :-1]], 1)
    group_BT = begins_BT.cumsum(1) * bridged_BT
    groups_BG = torch.zeros(
        [member_BT.shape[0], member_BT.shape[1] + 1], dtype=torch.float64, device=member_BT.device
    )
    members_BG = groups_BG.scatter_add(1, group_BT, member_BT.to(torch.float64))[:, 1:]
    length_BG = (groups_BG.scatter_add(1, group_BT, bridged_BT.to(torch.float64))[:, 1:] - 1.0) * frame_s
    counted_BG = (members_BG >= least_frames).to(torch.float64)
    number_B = counted_BG.sum(1)
    mean_B = (length_BG * counted_BG).sum(1) / number_B.clamp(min=1.0)
    deviation_BG = (length_BG - mean_B[:, None]).square() * counted_BG
    return number_B, mean_B, (deviation_BG.sum(1) / number_B.clamp(min=1.0)).sqrt()
