"""The table of smoothed descriptors, frame by frame, as openSMILE writes it.

Quirks: the table has one row more than there are 60 ms frames; the pitch and the columns of `VOICE_NAMES` are
smoothed as if their input ended with the decided frames, and then go on.

Dimensions: B rows, T frames, U 60 ms frames, D descriptors.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .functionals import Descriptors, semitones
from .smoothing import neighbours, smooth, smooth_voiced


class DescriptorTable(NamedTuple):
    """The 25 smoothed descriptors [B, rows, 25] in the order of `LLD_NAMES`, and each waveform's rows [B].

    Row t starts at 10 t ms; rows behind a waveform's own are 0.
    """

    values_BTD: Tensor
    rows_B: Tensor


def tabulate(descriptors: Descriptors, voice_BUD: Tensor) -> DescriptorTable:
    """The 25 smoothed descriptors; `voice_BUD` holds the formants of unvoiced frames too."""
    pitch_BU1 = semitones(descriptors.frequency_BU)[:, :, None]
    voice_BUD = torch.cat([pitch_BU1, voice_BUD], 2)
    width = voice_BUD.shape[1]
    rows_B = (descriptors.long_B + 1) * (descriptors.long_B > 0)
    if width == 0:
        return DescriptorTable(torch.zeros([rows_B.shape[0], 0, 25], device=voice_BUD.device), rows_B)
    # Where nothing is decided before the input ends there is no border.
    border_B = torch.where(descriptors.decided_B == 0, descriptors.long_B, descriptors.decided_B)
    voice_BTD = smooth_in_two(voice_BUD, descriptors.long_B, border_B)
    spectral_BTD = smooth(descriptors.spectral_BTD, descriptors.short_B)[:, : width + 1]
    inside_BT = torch.arange(width + 1, device=rows_B.device) < rows_B[:, None]
    return DescriptorTable(torch.cat([spectral_BTD, voice_BTD], 2) * inside_BT[:, :, None], rows_B)


def smooth_in_two(voice_BUD: Tensor, long_B: Tensor, decided_B: Tensor) -> Tensor:
    """Smooth the decided frames and one more, then go on from there to one frame behind the end."""
    extended_BTD = torch.cat([voice_BUD, voice_BUD[:, -1:]], 1)
    frame_T = torch.arange(extended_BTD.shape[1], device=long_B.device)
    behind_BT = frame_T >= long_B[:, None]
    held_BTD = torch.where(behind_BT[:, :, None], neighbours(extended_BTD, long_B)[0], extended_BTD)
    whole_BTD = smooth_voiced(held_BTD, long_B + 1)
    first_BTD = smooth_voiced(held_BTD, decided_B)
    is_last_BT = (frame_T == decided_B[:, None] - 1)[:, :, None]
    is_next_BT = (frame_T == decided_B[:, None])[:, :, None]
    two_BTD = torch.where(is_last_BT, first_BTD, whole_BTD)
    return torch.where(is_next_BT, neighbours(held_BTD, long_B + 1)[0], two_BTD)
