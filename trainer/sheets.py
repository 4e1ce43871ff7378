"""Tables as people have them, CSV or Parquet, refused with what to do about it.

Shapes: N rows.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmlstream.models.errors import ConfigurationError, CorpusError

OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: where it stands in its file, and its cells in the order of the columns."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open table: the columns its header names, and lines to be read once."""

    path: Path
    columns: tuple[str, ...]
    # What `csv.reader` returns has no public type.
    _reader: Any = field(repr=False)

    def lines(self) -> Iterator[Line]:
        """All lines below the header; blank ones are passed over.

        Raises:
            CorpusError: a line has more or fewer cells than there are columns.

        """
        for cells in self._reader:
            if not cells:
                continue
            if len(cells) != len(self.columns):
                raise CorpusError(
                    f"Line {self._reader.line_num} of {self.path} has another number of fields than the "
                    f"header, {len(cells)} and not {len(self.columns)}: put cells that hold commas in quotes."
                )
            yield Line(self._reader.line_num, [cell.strip() for cell in cells])


@contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """Open a CSV file in UTF-8, with or without a byte order mark, as a table.

    Raises:
        CorpusError: then or while lines are read, that it cannot be read, is empty, is no CSV file in UTF-8,
            is separated by something else than commas, or names a column twice.

    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            columns = tuple(name.strip() for name in next(reader, ()))
            _check_header(path, columns)
            yield Sheet(path, columns, reader)
    except OSError as error:
        raise CorpusError(f"The table {path} cannot be read ({error.strerror}): name a CSV file.") from error
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"The table {path} is not a CSV file in UTF-8 ({error.reason} {error.object[error.start]:#x}): "
            f"{_encoding_advice(error.object)}."
        ) from error
    except csv.Error as error:
        raise CorpusError(f"The table {path} is not a CSV file ({error}): save it as one again.") from error


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column of a Parquet file."""

    path: Path
    name: str
    # pyarrow has no types.
    _values: Any = field(repr=False)

    def numbers(self) -> NDArray[np.float32]:
        """Its values, NaN where there is none.

        Raises:
            CorpusError: it holds something else than numbers.

        """
        import pyarrow as pa

        kind = self._values.type
        if not any(
            is_kind(kind) for is_kind in (pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
        ):
            raise CorpusError(
                f"The column `{self.name}` of {self.path} holds {kind}: a feature holds numbers; "
                "rename it to what a manifest knows, or delete it."
            )
        with np.errstate(over="ignore"):
            values_N = self._values.cast(pa.float64()).to_numpy().astype(np.float32)
        return np.asarray(values_N)

    def texts(self) -> list[str]:
        """Its values as text, empty where there is none."""
        # Only NaN differs from itself.
        return [
            "" if value is None or value != value else str(value).strip()
            for value in self._values.to_pylist()
        ]


def is_parquet(path: Path) -> bool:
    """Whether a file's name says that it is Parquet."""
    return path.suffix.lower() == ".parquet"


def parquet_columns(path: Path) -> list[Column]:
    """All columns of a Parquet file.

    Raises:
        ConfigurationError: pyarrow is not installed.
        CorpusError: the file cannot be read, or names a column twice.

    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{path} needs pyarrow: run `pip install 'cmlstream[parquet]'`, or name a .csv file."
        ) from error
    try:
        with path.open("rb") as file:
            table = ParquetFile(file).read()
    except (OSError, ArrowException) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or something else"
        raise CorpusError(f"The table {path} cannot be read ({reason}): name a Parquet file.") from error
    _check_header(path, table.column_names)
    return [Column(path, name, table.column(name)) for name in table.column_names]


def _check_header(path: Path, columns: Sequence[str]) -> None:
    if not columns:
        raise CorpusError(f"The table {path} is empty: it needs a header that names its columns.")
    if len(columns) == 1:
        for sign, name in OTHER_DELIMITERS.items():
            if sign in columns[0]:
                raise CorpusError(f"The table {path} is separated by {name}: save it with commas.")
    repeated = [name for name, count in Counter(columns).items() if count > 1]
    if repeated:
        raise CorpusError(f"The table {path} has more than one column `{repeated[0]}`: rename or delete one.")


def _encoding_advice(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it looks like UTF-16, as spreadsheets write `Unicode text`; save it as `CSV UTF-8`"
    return "it may be Latin-1, which `iconv -f latin1 -t utf-8` converts"
