"""Files of labels: a CSV with activation and valence per file name, joined to recordings."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path, PurePosixPath

from cmlstream.models.errors import CorpusError
from cmlstream.trainer.sheets import Line, opened

from .base import Recording
from .files import AUDIO

NAMES = ("file", "filename", "file_name", "path", "name")
ACTIVATION = ("activation", "arousal")
VALENCE = ("valence",)
LOWEST, HIGHEST = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class Label:
    """A line of a file of labels; `name` has no ending and may begin with folders."""

    line: int
    name: str
    activation: float
    valence: float


@dataclass(frozen=True, slots=True)
class Joined:
    """Recordings with labels, and how many on either side found nothing on the other."""

    recordings: tuple[Recording, ...]
    labelled: int
    files_without_label: int
    labels_without_file: tuple[str, ...]


def read_labels(path: Path) -> list[Label]:
    """The lines of a file of labels.

    Raises:
        CorpusError: the file cannot be read, a column is missing, a value is off the scale 1..5 or no number.

    """
    with opened(path) as sheet:
        places = [_place(path, sheet.columns, wanted) for wanted in (NAMES, ACTIVATION, VALENCE)]
        return [_label(path, line, *(line.cells[place] for place in places)) for line in sheet.lines()]


def join(path: Path, labels: Sequence[Label], recordings: Sequence[Recording]) -> Joined:
    """Recordings with the labels of the file `path`, which replace those that the corpus itself has.

    A label's name is a recording's, with or without ending, with as many folders before it as it takes to
    tell it from others.

    Raises:
        CorpusError: a label fits several recordings, or several labels fit one.

    """
    places = defaultdict(list)
    for place, recording in enumerate(recordings):
        places[recording.path.stem].append(place)
    chosen: dict[int, Label] = {}
    lost = []
    for label in labels:
        fitting = [
            place
            for place in places[PurePosixPath(label.name).name]
            if f"/{recordings[place].path.with_suffix('').as_posix()}".endswith(f"/{label.name}")
        ]
        _check_unique(path, label, len(fitting), [chosen[place] for place in fitting if place in chosen])
        if fitting:
            chosen[fitting[0]] = label
        else:
            lost.append(label.name)
    joined = tuple(
        replace(recording, activation=chosen[place].activation, valence=chosen[place].valence)
        if place in chosen
        else recording
        for place, recording in enumerate(recordings)
    )
    return Joined(joined, len(chosen), len(recordings) - len(chosen), tuple(lost))


def _check_unique(path: Path, label: Label, fitting: int, taken: Sequence[Label]) -> None:
    if fitting > 1:
        raise CorpusError(
            f"Line {label.line} of {path}: {fitting} recordings are named {label.name}; "
            "put their folder before the name."
        )
    if taken:
        raise CorpusError(f"Lines {taken[0].line} and {label.line} of {path} are of one recording: keep one.")


def _place(path: Path, columns: Sequence[str], wanted: Sequence[str]) -> int:
    for place, column in enumerate(columns):
        if column.lower() in wanted:
            return place
    raise CorpusError(
        f"The labels {path} have no column {' or '.join(f'`{name}`' for name in wanted)}: "
        f"they have {', '.join(columns)}."
    )


def _label(path: Path, line: Line, name: str, activation: str, valence: str) -> Label:
    if not name:
        raise CorpusError(f"Line {line.number} of {path} names no file.")
    pure = PurePosixPath(name.replace("\\", "/"))
    return Label(
        line=line.number,
        name=str(pure.with_suffix("") if pure.suffix.lower() in AUDIO else pure),
        activation=_value(path, line, "activation", activation),
        valence=_value(path, line, "valence", valence),
    )


def _value(path: Path, line: Line, name: str, text: str) -> float:
    if not text:
        return nan
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not LOWEST <= value <= HIGHEST:
        raise CorpusError(
            f"Line {line.number} of {path}: {name} `{text}` is no number from {LOWEST:g} to {HIGHEST:g}; "
            "leave it empty if it is unlabelled."
        )
    return value
