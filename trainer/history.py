"""Curves of training: a JSON line for each run and epoch, beside the checkpoints or the results."""

from collections.abc import Iterable
from math import isnan
from pathlib import Path

import msgspec

from cmlstream.models.errors import ModelError

from .aside import written_aside
from .ensemble import Progress
from .processes import own_file

NAME = "history.jsonl"


class Line(msgspec.Struct, frozen=True):
    """How a run stood after an epoch."""

    run: str
    epoch: int
    loss: float
    reconstruction: float
    """Mean square error against the clean scores."""
    metric: float
    score: float | None
    """On speakers held back; null where none are."""


def line_of(run: str, progress: Progress) -> Line:
    """An epoch of a run."""
    score = None if isnan(progress.score) else progress.score
    return Line(run, progress.epoch, progress.loss, progress.reconstruction, progress.metric, score)


def write(path: Path, lines: Iterable[Line]) -> None:
    """Write lines, in place of what was there."""
    with written_aside(path) as file:
        file.write(msgspec.json.Encoder().encode_lines(lines))


def read(path: Path) -> list[Line]:
    """The lines of a history.

    Raises:
        ModelError: it cannot be read.

    """
    try:
        return msgspec.json.Decoder(Line).decode_lines(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"The history {path} cannot be read ({error}): delete it.") from error


class History:
    """The curves of runs, rewritten after every epoch; a run that goes on continues its own."""

    def __init__(self, folder: Path) -> None:
        self._path = own_file(folder / NAME)
        self._lines = read(self._path) if self._path.exists() else []

    def add(self, run: str, progress: Progress) -> None:
        """Note an epoch; what an interrupted run had noted of it and of later ones is replaced."""
        self._lines = [line for line in self._lines if line.run != run or line.epoch < progress.epoch]
        self._lines.append(line_of(run, progress))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write(self._path, self._lines)
