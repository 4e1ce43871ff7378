"""Tables of features, as CSV or Parquet: what a row is, and where rows go.

A table's `encode` is work for any process; its `write` is for the one that holds the file. The columns are
the file and, where its rows are stretches of it, start and end; then features under openSMILE's names.

Shapes: T rows, K positions in time (none, or start and end), D features.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from cmlstream.models.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

CHUNK_ROWS = 1 << 12
"""Rows turned into text at a time: as an array of strings they take 32 times their room."""
GROUP_ROWS = 1 << 16
"""Rows that lie together in a Parquet file, column by column."""


class Level(Enum):
    """What a table tells of a file: one row of 88 functionals, or 25 descriptors every 10 ms."""

    FUNCTIONALS = "functionals"
    DESCRIPTORS = "descriptors"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """All rows of one file; `names` are those of the columns behind `file`, in seconds first."""

    file: str
    names: tuple[str, ...]
    seconds_TK: NDArray[np.float64]
    values_TD: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CsvRows:
    """Rows as they stand in the file, and the header that goes above the first of them."""

    header: bytes
    lines: bytes


class Table(Protocol):
    """A table that is being written to an open file."""

    def __init__(self, sink: BinaryIO) -> None: ...

    @staticmethod
    def encode(rows: Rows) -> Any:
        """Bring rows into the form that `write` takes."""

    def write(self, encoded: Any) -> None:
        """Add rows."""

    def close(self) -> None:
        """Write what is still held; the file itself stays open."""


class CsvTable:
    """Comma-separated lines; each number is the shortest text that reads back as the same float32."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._headed = False

    @staticmethod
    def encode(rows: Rows) -> CsvRows:
        """Turn rows into text."""
        lines = b"".join(_lines(rows.file, cells) for cells in _cells(rows))
        return CsvRows(_csv([("file", *rows.names)]), lines)

    def write(self, encoded: CsvRows) -> None:
        """Add lines, below the header."""
        if not self._headed:
            self._sink.write(encoded.header)
            self._headed = True
        self._sink.write(encoded.lines)

    def close(self) -> None:
        """Do nothing: lines are whole."""


class ParquetTable:
    """Apache Parquet: `file` as text, times in seconds as float64, features as float32.

    Raises ConfigurationError where pyarrow is not installed.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._writer: Any = None
        self._held: list[Rows] = []
        self._held_rows = 0

    @staticmethod
    def encode(rows: Rows) -> Rows:
        """Leave rows as they are: they are cheap to send, and better packed many at a time."""
        return rows

    def write(self, encoded: Rows) -> None:
        """Hold rows until they make a group."""
        self._held.append(encoded)
        self._held_rows += len(encoded.values_TD)
        if self._held_rows >= GROUP_ROWS:
            self._write_group()

    def close(self) -> None:
        """Write the last group and the index at the end of the file."""
        if self._held:
            self._write_group()
        if self._writer is not None:
            self._writer.close()

    def _write_group(self) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        group = pa.table(_columns(self._held), names=["file", *self._held[0].names])
        if self._writer is None:
            self._writer = ParquetWriter(self._sink, group.schema)
        self._writer.write_table(group, GROUP_ROWS)
        self._held, self._held_rows = [], 0


def table_for(output: Path | None) -> type[Table]:
    """Return the kind of table that the ending of `output` asks for; standard output takes CSV.

    Raises ConfigurationError for any other ending, and where Parquet lacks pyarrow.
    """
    if output is None or output.suffix.lower() == ".csv":
        return CsvTable
    if output.suffix.lower() != ".parquet":
        raise ConfigurationError(
            f"{output} is neither a .csv nor a .parquet file: end its name in one of them"
        )
    try:
        import pyarrow.parquet  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{output} needs pyarrow, which is not installed: run `pip install 'cmlstream[parquet]'` "
            "or name a .csv file"
        ) from error
    return ParquetTable


@contextmanager
def opened(output: Path | None) -> Iterator[BinaryIO]:
    """Open `output`, or standard output, for a table.

    A file is written aside and renamed at the end, so that half a table is never taken for a whole one.
    Raises InputError where it cannot be written; who reads standard output may stop at any time, as `head`
    does.
    """
    with _standard_output() if output is None else _renamed_when_whole(output) as sink:
        yield sink


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is still held would fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise InputError(
                f"standard output cannot be written ({error.strerror}): name another place with -o"
            ) from error


@contextmanager
def _renamed_when_whole(output: Path) -> Iterator[BinaryIO]:
    aside = output.with_name(f"{output.name}.part")
    try:
        with aside.open("wb") as sink:
            yield sink
        aside.replace(output)
    except OSError as error:
        raise InputError(
            f"{output} cannot be written ({error.strerror}): name another place with -o"
        ) from error
    finally:
        aside.unlink(missing_ok=True)


def _cells(rows: Rows) -> Iterator[NDArray[np.str_]]:
    for first in range(0, len(rows.values_TD), CHUNK_ROWS):
        chunk = slice(first, first + CHUNK_ROWS)
        yield np.hstack([rows.seconds_TK[chunk].astype(np.str_), rows.values_TD[chunk].astype(np.str_)])


def _lines(file: str, cells: NDArray[np.str_]) -> bytes:
    return _csv([file, *row] for row in cells.tolist())


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _columns(held: list[Rows]) -> list[Any]:
    import pyarrow as pa

    files = pa.chunked_array([pa.repeat(rows.file, len(rows.values_TD)) for rows in held])
    seconds_TK = np.concatenate([rows.seconds_TK for rows in held])
    values_TD = np.concatenate([rows.values_TD for rows in held])
    return [files, *map(pa.array, seconds_TK.T), *map(pa.array, values_TD.T)]
