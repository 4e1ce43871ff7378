"""Tables of ready-made features: a row per clip, for people whose licences keep the audio from them.

Columns that the manifest knows are read as there, and `file` (with `start` and `end`) only names a row; every
other column is a feature and holds numbers. A row counts as one whole region of speech.

Shapes: N rows, F features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.models.errors import ConfigurationError, CorpusError

from .columns import LABELS, METADATA, OTHER_WORDS, check_names, unknown
from .manifest import Clip, check_clips, clip_of
from .sheets import Line, Sheet, is_parquet, opened, parquet_columns
from .table import FeatureTable

SPEECH_S = 2.0
"""Of a row that does not say: about what a clip of the usual acted corpora holds."""

MISSING = ("", "na", "n/a", "null", "none")
"""Cells that stand for no number, beside those that Python reads as NaN."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadyMade:
    """A table of ready-made features, and what a person should know about it."""

    table: FeatureTable
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Contents:
    """What stands in a file: of each row what is known of it, and its features."""

    columns: tuple[str, ...]
    lines: Sequence[Line]
    names: tuple[str, ...]
    values_NF: NDArray[np.float32]


def holds_features(path: Path) -> bool:
    """Whether a table holds ready-made features; otherwise it is a manifest that names recordings.

    It does where it has no column `path`, or has one beside columns of eGeMAPS, and as Parquet always.

    Raises:
        CorpusError: it cannot be read.

    """
    if is_parquet(path):
        return True
    with opened(path) as sheet:
        return "path" not in sheet.columns or not set(FEATURE_NAMES).isdisjoint(sheet.columns)


def read_features(path: Path) -> ReadyMade:
    """Read and check a table of ready-made features, CSV or Parquet.

    Raises:
        CorpusError: it cannot be read, has no features, one holds something else than numbers, a row holds
            none, or what it says of the clips would be refused in a manifest.

    """
    contents = _from_parquet(path) if is_parquet(path) else _from_csv(path)
    clips = _clips(path, contents)
    known_NF = np.isfinite(contents.values_NF)
    _check_rows(path, contents, known_NF)
    kept = np.flatnonzero(known_NF.any(0))
    values_NF = np.where(known_NF, contents.values_NF, np.float32(nan))[:, kept]
    names = tuple(contents.names[column] for column in kept)
    table = FeatureTable(
        clips=clips,
        features_NF=values_NF,
        speech_s_N=np.array([_speech_s(path, contents.columns, line) for line in contents.lines]),
        whole_N=np.ones(len(clips), dtype=np.bool_),
        clip_N=np.arange(len(clips)),
        feature_names=names,
    )
    if set(names) == set(FEATURE_NAMES):
        table = table.of_features(FEATURE_NAMES)
    return ReadyMade(table, tuple(_notes(path, contents, table)))


def check_servable(table: FeatureTable) -> None:
    """Refuse features that no archive can compute from live audio.

    Raises:
        ConfigurationError: they are not the 88 of eGeMAPS, or one is the same in every row: its weights would
            stay what chance made them, and a stream that moves it would be answered by them.

    """
    lacking = [name for name in FEATURE_NAMES if name not in table.feature_names]
    others = [name for name in table.feature_names if name not in FEATURE_NAMES]
    if lacking or others:
        raise ConfigurationError(
            f"A model that hears live audio is fitted to the {len(FEATURE_NAMES)} features of eGeMAPS alone; "
            f"lacking: {_some(lacking)}, beside them: {_some(others)}; use `cmlstream features` "
            "and delete other columns."
        )
    constant = _constant(table)
    if constant:
        raise ConfigurationError(
            f"{_some(constant)} of the features are the same in every clip, which live audio is not: "
            "compute them anew, or add clips."
        )


def _from_csv(path: Path) -> _Contents:
    with opened(path) as sheet:
        names = _feature_names(path, sheet.columns)
        known = tuple(name for name in sheet.columns if name in METADATA)
        place = {name: number for number, name in enumerate(sheet.columns)}
        feature_places = [place[name] for name in names]
        lines, values = [], []
        for line in sheet.lines():
            lines.append(Line(line.number, [line.cells[place[name]] for name in known]))
            values.append(_numbers(sheet, line, feature_places))
    return _Contents(known, lines, names, np.array(values, np.float32).reshape(len(lines), len(names)))


def _from_parquet(path: Path) -> _Contents:
    columns = parquet_columns(path)
    names = _feature_names(path, [column.name for column in columns])
    known = tuple(column for column in columns if column.name in METADATA)
    features = [column for column in columns if column.name in set(names)]
    values_NF = np.stack([column.numbers() for column in features], 1)
    texts = [column.texts() for column in known]
    lines = [Line(row + 1, [text[row] for text in texts]) for row in range(len(values_NF))]
    return _Contents(tuple(column.name for column in known), lines, names, values_NF)


def _feature_names(path: Path, columns: Sequence[str]) -> tuple[str, ...]:
    names = tuple(unknown(columns))
    if not names:
        raise CorpusError(
            f"The table {path} has neither a column `path` that names recordings nor columns of ready-made "
            f"features: it has {', '.join(columns)}."
        )
    check_names(path, columns, ("speaker",))
    for name in names:
        if OTHER_WORDS.get(name.lower()) in LABELS:
            raise CorpusError(
                f"The column `{name}` of {path} would be a feature that tells the label: "
                "delete it, or rename it if it is none."
            )
    return names


def _numbers(sheet: Sheet, line: Line, places: Sequence[int]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.array([_number(sheet, line, place) for place in places]).astype(np.float32)


def _number(sheet: Sheet, line: Line, place: int) -> float:
    text = line.cells[place]
    try:
        return nan if text.lower() in MISSING else float(text)
    except ValueError:
        raise CorpusError(
            f"The column `{sheet.columns[place]}` of {sheet.path} holds `{text}` in line {line.number}: "
            f"a feature holds numbers, and all but {', '.join(METADATA)} are features; rename or delete it."
        ) from None


def _clips(path: Path, contents: _Contents) -> tuple[Clip, ...]:
    seen: dict[bytes, int] = {}
    clips = []
    for line, values_F in zip(contents.lines, contents.values_NF, strict=True):
        cells = dict(zip(contents.columns, line.cells, strict=True))
        name = _row_name(cells)
        if not name:
            before = seen.setdefault(repr(line.cells).encode() + values_F.tobytes(), line.number)
            if before != line.number:
                raise CorpusError(
                    f"Lines {before} and {line.number} of {path} are the same: keep one, "
                    "or tell them apart in a column `file`."
                )
        clips.append(clip_of(path, line.number, Path(name or f"line {line.number}"), cells))
    check_clips(path, clips)
    return tuple(clips)


def _row_name(cells: Mapping[str, str]) -> str:
    file = cells.get("file") or cells.get("path", "")
    return " ".join(part for part in (file, cells.get("start", ""), cells.get("end", "")) if part)


def _speech_s(path: Path, columns: Sequence[str], line: Line) -> float:
    cells = dict(zip(columns, line.cells, strict=True))
    text = cells.get("speech_s") or cells.get("duration_s")
    try:
        value = float(text or SPEECH_S)
    except ValueError:
        value = nan
    if not 0 < value < inf:
        raise CorpusError(
            f"Line {line.number} of {path} has `{text}` seconds of speech: "
            "write a number above 0, or nothing."
        )
    return value


def _check_rows(path: Path, contents: _Contents, known_NF: NDArray[np.bool_]) -> None:
    empty_N = np.flatnonzero(~known_NF.any(1))
    if len(empty_N):
        raise CorpusError(
            f"{len(empty_N)} of {len(known_NF)} rows of {path} hold no feature at all, the first is line "
            f"{contents.lines[empty_N[0]].number}: delete them, or compute them again."
        )


def _notes(path: Path, contents: _Contents, table: FeatureTable) -> list[str]:
    notes = [f"{path} holds {len(table.feature_names)} ready-made features of {len(table.clips)} clips"]
    if not {"speech_s", "duration_s"} & set(contents.columns):
        notes.append(f"without a column `speech_s`, each row counts as {SPEECH_S:g} s of speech")
    left_out = [name for name in contents.names if name not in table.feature_names]
    if left_out:
        notes.append(f"left out, since they hold no number anywhere: {_some(left_out)}")
    # Kept, since what is constant in one table may vary in the next that the model meets; its scores are 0.
    if constant := _constant(table):
        notes.append(f"the same in every row, which tells nothing: {_some(constant)}")
    missing = int(np.isnan(table.features_NF).sum())
    if missing:
        share = missing / table.features_NF.size
        notes.append(f"{missing} values are missing ({share:.1%}) and count as average")
    return notes


def _constant(table: FeatureTable) -> list[str]:
    known_NF = np.ma.masked_invalid(table.features_NF)
    same_F = np.ma.filled(known_NF.min(0) == known_NF.max(0), fill_value=True)
    return [name for name, same in zip(table.feature_names, same_F, strict=True) if same]


def _some(names: Sequence[str]) -> str:
    """How many, and the first of them."""
    return f"{len(names)} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})" if names else "none"
