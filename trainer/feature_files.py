"""Features written as a table that `fit` and `evaluate` take again: a row per clip, CSV or Parquet.

A clip's row is its region with the most speech.
"""

import csv
import io
from math import isnan
from pathlib import Path
from typing import BinaryIO

from cmlstream.models.errors import ConfigurationError

from .aside import written_aside
from .evaluation import longest_regions
from .manifest import Clip
from .sheets import is_parquet
from .table import FeatureTable

COLUMNS = (
    "file",
    "corpus",
    "language",
    "role",
    "speaker",
    "sex",
    "emotion",
    "activation",
    "valence",
    "speech_s",
)


def check_output(output: Path) -> None:
    """Refuse a table that could not be written, before its features are computed.

    Raises:
        ConfigurationError: its ending is neither .csv nor .parquet, or Parquet lacks pyarrow.

    """
    if not is_parquet(output) and output.suffix.lower() != ".csv":
        raise ConfigurationError(
            f"{output} is neither a .csv nor a .parquet file: end its name in one of them."
        )
    if is_parquet(output):
        try:
            import pyarrow.parquet  # noqa: F401
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"{output} needs pyarrow: run `pip install 'cmlstream[parquet]'`, or name a .csv file."
            ) from error


def write_features(table: FeatureTable, output: Path, folder: Path) -> None:
    """Write a table of features; files are named relative to `folder`, where they lie in it.

    Raises:
        ConfigurationError: it cannot be written.

    """
    try:
        with written_aside(output) as sink:
            (_write_parquet if is_parquet(output) else _write_csv)(table, sink, folder)
    except OSError as error:
        raise ConfigurationError(
            f"{output} cannot be written ({error.strerror}): name another -o."
        ) from error


def _write_csv(table: FeatureTable, sink: BinaryIO, folder: Path) -> None:
    text = io.TextIOWrapper(sink, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow((*COLUMNS, *table.feature_names))
    for clip, row in zip(table.clips, longest_regions(table), strict=True):
        # As text a float32 is the shortest number that reads back as the same.
        values = ["" if value == "nan" else value for value in table.features_NF[row].astype(str).tolist()]
        labels = ["" if isnan(label) else f"{label:g}" for label in (clip.activation, clip.valence)]
        writer.writerow((*_names(clip, folder), *labels, f"{table.speech_s_N[row]:g}", *values))
    text.detach()


def _write_parquet(table: FeatureTable, sink: BinaryIO, folder: Path) -> None:
    import pyarrow as pa
    from pyarrow.parquet import write_table

    rows_N = longest_regions(table)
    names = zip(*(_names(clip, folder) for clip in table.clips), strict=True)
    columns = [
        *(pa.array(column) for column in names),
        *(
            pa.array([getattr(clip, label) for clip in table.clips], from_pandas=True)
            for label in COLUMNS[7:9]
        ),
        pa.array(table.speech_s_N[rows_N]),
        *(pa.array(values_N, from_pandas=True) for values_N in table.features_NF[rows_N].T),
    ]
    write_table(pa.table(columns, [*COLUMNS, *table.feature_names]), sink)


def _names(clip: Clip, folder: Path) -> tuple[str, ...]:
    path = clip.path.relative_to(folder) if clip.path.is_relative_to(folder) else clip.path
    return (str(path), clip.corpus, clip.language, clip.role, clip.speaker, clip.sex, clip.emotion)
