"""Samples and frames: the scale of the input, where frames start, and tables of them.

Frames hop by 160 samples (10 ms) and are aligned to the left: frame t starts at sample 160 t, whether it is
20 ms or 60 ms long; a frame that does not fit is dropped. All rows of a batch are cut into one flat list of
frames, so that work is done for real frames only and a row's neighbours cannot change it.

Quirk: samples are quantised to 16 bits and divided by 32767, not 32768, as the reference does.

Dimensions: B rows, T samples or frames of a row, N samples of all rows, M frames of all rows, L samples of a
frame, D columns.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cmlstream.models.contract import FRAME_STEP_SAMPLES


class FrameList(NamedTuple):
    """The frames of a batch, row after row.

    `start_M` is the first sample of each in the flattened waveform, `cell_M` its place in the flattened
    padded table [B, T] of frames, `first_M` whether it is the first of its row; `count_B` the frames of each
    row, `width` the frames of the longest.
    """

    start_M: Tensor
    cell_M: Tensor
    first_M: Tensor
    count_B: Tensor
    width: int


def quantise(waveform_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """Samples as 16-bit integers over 32767; what is not finite, or lies in the padding, becomes zero."""
    position_T = torch.arange(waveform_BT.shape[1], device=waveform_BT.device)
    inside_BT = position_T < lengths_B[:, None]
    finite_BT = torch.nan_to_num(waveform_BT.to(torch.float32), nan=0.0, posinf=0.0, neginf=0.0)
    integer_BT = (finite_BT * 32768.0).trunc().clamp(-32768.0, 32767.0)
    return integer_BT * inside_BT / 32767.0


def frame_counts(lengths_B: Tensor, frame_samples: int, hop_samples: int = FRAME_STEP_SAMPLES) -> Tensor:
    """Complete frames in rows of these lengths, [B]."""
    last_start_B = torch.div(lengths_B - frame_samples, hop_samples, rounding_mode="floor")
    return (last_start_B + 1).clamp(min=0)


def list_frames(count_B: Tensor, row_samples: int, hop_samples: int = FRAME_STEP_SAMPLES) -> FrameList:
    """Where the frames of every row start, rows being `row_samples` apart in the flattened waveform."""
    rows = count_B.shape[0]
    width = int(count_B.max()) if rows > 0 else 0
    row_B = torch.arange(rows, device=count_B.device)
    row_M = torch.repeat_interleave(row_B, count_B)
    before_B = count_B.cumsum(0) - count_B
    frame_M = torch.arange(row_M.shape[0], device=count_B.device) - before_B.index_select(0, row_M)
    start_M = row_M * row_samples + frame_M * hop_samples
    return FrameList(start_M, row_M * width + frame_M, frame_M == 0, count_B, width)


def take_frames(samples_N: Tensor, start_M: Tensor, frame_samples: int) -> Tensor:
    """The stretches of `frame_samples` samples that begin at `start_M`, [M, L]."""
    return samples_N.unfold(0, frame_samples, 1).index_select(0, start_M)


def to_table(values_MD: Tensor, cell_M: Tensor, rows: int, width: int) -> Tensor:
    """Put listed values at their places in a table [rows, width, D] of zeros."""
    columns = values_MD.shape[1]
    table_CD = torch.zeros([rows * width, columns], dtype=values_MD.dtype, device=values_MD.device)
    return table_CD.index_copy(0, cell_M, values_MD).view(rows, width, columns)
