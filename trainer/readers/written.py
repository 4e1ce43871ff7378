"""Findings as lines of a manifest, written aside, checked as `fit` will check it, and renamed."""

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from io import StringIO
from math import isnan
from pathlib import Path

import soundfile

from cmlstream.models.errors import ConfigurationError, CorpusError
from cmlstream.trainer.aside import written_aside
from cmlstream.trainer.manifest import read_manifest
from cmlstream.trainer.sheets import opened

from .base import Oddity, Recording


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a manifest: its columns in their order."""

    path: str
    corpus: str
    language: str
    role: str
    speaker: str
    sex: str
    text: str
    emotion: str
    activation: str
    valence: str
    duration_s: str
    dominance: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A recording that can be opened."""

    recording: Recording
    duration_s: float


COLUMNS = tuple(field.name for field in fields(Line))
NOTHING = Line(*("" for _ in COLUMNS))


def measure(recordings: Iterable[Recording]) -> tuple[list[Measured], list[Oddity]]:
    """How long recordings are, and those that no audio can be had from."""
    measured, unusable = [], []
    for recording in recordings:
        try:
            str(recording.path).encode()
            duration_s = soundfile.info(recording.path).duration
        except UnicodeEncodeError:
            unusable.append(Oddity(recording.path, "its path is not UTF-8, which a manifest is written in"))
        except (OSError, soundfile.SoundFileError):
            unusable.append(Oddity(recording.path, "it cannot be opened as audio"))
        else:
            if duration_s > 0:
                measured.append(Measured(recording, duration_s))
            else:
                unusable.append(Oddity(recording.path, "it holds no audio"))
    return measured, unusable


def lines_of(
    measured: Iterable[Measured], corpus: str, language: str, role: str, manifest: Path
) -> list[Line]:
    """Lines of the manifest at that place; speakers are told from those of other corpora by a prefix."""
    return [
        Line(
            path=_relative(one.recording.path, manifest),
            corpus=corpus,
            language=language,
            role=role,
            speaker=f"{corpus}/{one.recording.speaker}",
            sex=one.recording.sex,
            text=one.recording.text,
            emotion=one.recording.emotion,
            activation=_cell(one.recording.activation),
            valence=_cell(one.recording.valence),
            duration_s=f"{one.duration_s:.3f}",
            dominance=_cell(one.recording.dominance),
        )
        for one in measured
    ]


def read_lines(manifest: Path) -> list[Line]:
    """The lines of a manifest that is already there.

    Raises:
        CorpusError: it cannot be read, is not in order, or has a column that would be lost.

    """
    read_manifest(manifest)
    with opened(manifest) as sheet:
        for name in sheet.columns:
            if name not in COLUMNS:
                raise CorpusError(f"{manifest} has a column `{name}` that would be lost: name another -o.")
        return [
            replace(NOTHING, **dict(zip(sheet.columns, line.cells, strict=True))) for line in sheet.lines()
        ]


def write(lines: Sequence[Line], manifest: Path) -> None:
    """Write a manifest, all of it or nothing; dominance has a column where some corpus was judged by it.

    Raises:
        CorpusError: the lines do not make a manifest, as when a recording is listed twice.
        ConfigurationError: the file cannot be written.

    """
    paths = Counter(os.path.normpath(line.path) for line in lines)
    if repeated := paths.total() - len(paths):
        raise CorpusError(f"{repeated} of the recordings are in {manifest} already: it is left as it was.")
    columns = COLUMNS if any(line.dominance for line in lines) else COLUMNS[:-1]
    text = StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(line) for line in lines)
    try:
        with written_aside(manifest) as file:
            file.write(text.getvalue().encode())
            file.flush()
            _check(Path(file.name), manifest)
    except OSError as error:
        raise ConfigurationError(
            f"{manifest} cannot be written ({error.strerror}): name another -o."
        ) from error


def _check(aside: Path, manifest: Path) -> None:
    try:
        read_manifest(aside)
    except CorpusError as error:
        raise CorpusError(str(error).replace(str(aside), str(manifest))) from error


def _relative(path: Path, manifest: Path) -> str:
    # Not resolved: a manifest's paths are put together from names, whatever its folder is a link to.
    relative = os.path.relpath(path, os.path.abspath(manifest.parent))
    # Blanks around a cell are not part of it.
    return relative if relative == relative.strip() else os.path.join(os.curdir, relative)


def _cell(value: float) -> str:
    return "" if isnan(value) else f"{value:g}"
