"""Files to rows of a table, a batch at a time: what each process of `cmlstream features` does.

Shapes: B files, T samples or rows, F functionals, D descriptors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE
from cmlstream.models.egemaps import FEATURE_NAMES, LLD_NAMES, FrontEnd
from cmlstream.models.errors import InputError

from .sources.file import read_whole
from .tables import Level, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from cmlstream.models.contract import Samples

FRAMES_PER_S = 100


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Files padded to the longest; one that cannot be read has no samples, and a problem."""

    paths: Sequence[Path]
    problems: list[InputError | None]
    waveform_BT: torch.Tensor
    lengths_B: torch.Tensor


def describe(paths: Sequence[Path], level: Level) -> list[Rows | InputError]:
    """Return the rows of each file, mixed to mono at 16 kHz, or what keeps it from being read."""
    batch = _read(paths)
    with torch.inference_mode():
        described = _functionals(batch) if level is Level.FUNCTIONALS else _descriptors(batch)
    return [problem or rows for problem, rows in zip(batch.problems, described, strict=True)]


def _read(paths: Sequence[Path]) -> Batch:
    heard = [_samples(path) for path in paths]
    waveforms = [np.zeros(0, np.int16) if isinstance(one, InputError) else one for one in heard]
    waveform_BT = np.zeros((len(paths), max(map(len, waveforms))), np.float32)
    for row_T, waveform_T in zip(waveform_BT, waveforms, strict=True):
        np.divide(waveform_T, FULL_SCALE, out=row_T[: len(waveform_T)])
    problems = [one if isinstance(one, InputError) else None for one in heard]
    return Batch(paths, problems, torch.from_numpy(waveform_BT), torch.tensor(list(map(len, waveforms))))


def _samples(path: Path) -> Samples | InputError:
    try:
        return read_whole(path)
    except InputError as error:
        return error
    except OSError as error:
        return InputError(f"{path} cannot be read ({error.strerror}): make it readable for this user")
    except UnicodeEncodeError:  # from soundfile, before libsndfile sees the name
        return InputError(f"{path} has a name that is not UTF-8: rename it")


@cache
def _front_end() -> FrontEnd:
    # Its operations are small: more threads only wait for each other, and the cores have other batches.
    torch.set_num_threads(1)
    return FrontEnd()


def _functionals(batch: Batch) -> list[Rows]:
    features_BF: NDArray[np.float32] = _front_end()(batch.waveform_BT, batch.lengths_B).numpy()
    no_times_TK = np.zeros((1, 0))
    return [
        Rows(str(path), FEATURE_NAMES, no_times_TK, values_F[None])
        for path, values_F in zip(batch.paths, features_BF, strict=True)
    ]


def _descriptors(batch: Batch) -> list[Rows]:
    table = _front_end().lld(batch.waveform_BT, batch.lengths_B)
    names = ("start", "end", *LLD_NAMES)
    files = zip(
        batch.paths, table.values_BTD.numpy(), table.rows_B.tolist(), batch.lengths_B.tolist(), strict=True
    )
    return [
        Rows(str(path), names, _frame_times(count, length), values_TD[:count])
        for path, values_TD, count, length in files
    ]


def _frame_times(count: int, length: int) -> NDArray[np.float64]:
    """Start and end of each frame in seconds; the last one ends with the file, as in openSMILE's tables."""
    start_T = np.arange(count) / FRAMES_PER_S
    end_T = (np.arange(count) + 2) / FRAMES_PER_S
    end_T[-1:] = length / SAMPLE_RATE
    return np.stack([start_T, end_T], 1)
