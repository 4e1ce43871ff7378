"""Samples and frames: the scale of the input, where frames start, and tables of them.

Frames hop by 160 samples (10 ms) and are aligned to the left: frame t starts at sample 160 t, whether it is
20 ms or 60 ms long; a frame that does not fit is dropped. The frames of all rows of a batch are one flat
list, so that work is done for real frames only.

Quirk: samples are quantised to 16 bits and divided by 32767, not 32768, as the reference does.

Dimensions: B rows, T samples or frames of a row, N samples of all rows, M frames of all rows, L samples of a
frame, D columns.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cmlstream.models.contract import FRAME_STEP_SAMPLES

QUANTISATION_STEPS = 32767.0
"""16-bit steps in an amplitude of 1."""


class FrameList(NamedTuple):
    """Some consecutive frames of each row of a batch, row after row.

    `start_M` is the first sample of each in the flattened rows, `row_M` its row, `number_M` counts from the
    first one listed of its row. `begin_B` is where the list of each row starts, `count_B` the frames in it,
    `width` those of the longest.
    """

    start_M: Tensor
    row_M: Tensor
    number_M: Tensor
    begin_B: Tensor
    count_B: Tensor
    width: int


def quantise(waveform: Tensor, steps: float = QUANTISATION_STEPS) -> Tensor:
    """Samples as 16-bit integers over 32767; what is not finite becomes zero."""
    finite = torch.nan_to_num(waveform.to(torch.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return (finite * 32768.0).trunc().clamp(-32768.0, 32767.0) / steps


def check_lengths(waveform_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """The lengths as int64; raises ValueError where waveforms and lengths do not belong together."""
    if waveform_BT.dim() != 2 or lengths_B.dim() != 1 or waveform_BT.shape[0] != lengths_B.shape[0]:
        raise ValueError("waveforms must be [B, T] and lengths [B]; pad waveforms to one length first")
    if not waveform_BT.is_floating_point():
        raise ValueError("waveforms must hold floating-point samples in [-1, 1); divide int16 by 32768")
    if bool(((lengths_B < 0) | (lengths_B > waveform_BT.shape[1])).any()):
        raise ValueError("lengths must lie between 0 and the samples of the padded waveforms")
    return lengths_B.to(torch.int64)


def frame_counts(lengths_B: Tensor, frame_samples: int, hop_samples: int = FRAME_STEP_SAMPLES) -> Tensor:
    """Complete frames in rows of these lengths, [B]."""
    last_start_B = torch.div(lengths_B - frame_samples, hop_samples, rounding_mode="floor")
    return (last_start_B + 1).clamp(min=0)


def list_frames(
    first_B: Tensor, end_B: Tensor, row_samples: int, hop_samples: int = FRAME_STEP_SAMPLES
) -> FrameList:
    """The frames `first_B` to `end_B` - 1 of every row, rows being `row_samples` apart when flattened."""
    count_B = (end_B - first_B).clamp(min=0)
    row_B = torch.arange(count_B.shape[0], device=count_B.device)
    row_M = torch.repeat_interleave(row_B, count_B)
    before_B = count_B.cumsum(0) - count_B
    number_M = torch.arange(row_M.shape[0], device=count_B.device) - before_B.index_select(0, row_M)
    begin_B = row_B * row_samples + first_B * hop_samples
    start_M = begin_B.index_select(0, row_M) + number_M * hop_samples
    return FrameList(start_M, row_M, number_M, begin_B, count_B, widest(count_B))


def widest(count_B: Tensor) -> int:
    """The frames of the row that has most."""
    return int(count_B.max()) if count_B.shape[0] > 0 else 0


def take_frames(samples_N: Tensor, start_M: Tensor, frame_samples: int) -> Tensor:
    """The stretches of `frame_samples` samples that begin at `start_M`, [M, L]."""
    return samples_N.unfold(0, frame_samples, 1).index_select(0, start_M)


def to_table(values_MD: Tensor, row_M: Tensor, number_M: Tensor, rows: int, width: int) -> Tensor:
    """Put listed values at their rows and numbers in a table [rows, width, D] of zeros."""
    columns = values_MD.shape[1]
    table_CD = torch.zeros([rows * width, columns], dtype=values_MD.dtype, device=values_MD.device)
    return table_CD.index_copy(0, row_M * width + number_M, values_MD).view(rows, width, columns)
