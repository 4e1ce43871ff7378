"""The manifest: a CSV with a line per clip, read and checked before anything long begins.

Required columns: path (relative to the manifest), speaker, and emotion, or activation and valence. Optional:
corpus, language, role, sex; text, duration_s and dominance are accepted and not used. An empty activation or
valence is unlabelled. Other columns are passed over.

A speaker belongs to a corpus: `01` in two corpora is two people. One who speaks in several has a slash in the
name (`emodb/03`), which is then the same person everywhere.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

from cmlstream.models.contract import EMOTIONS
from cmlstream.models.errors import CorpusError

from .columns import LABELS, check_names
from .sheets import Line, opened

REQUIRED = ("path", "speaker")
ROLES = ("source", "transfer")
"""Clips to fit to, and clips to measure on only."""

LOWEST_LABEL, HIGHEST_LABEL = 1.0, 5.0

NOT_A_NAME = ("nan", "none", "null", "na", "n/a")
"""What programs write where they know nothing; as the name of a speaker or an emotion it is a mistake."""

FEWEST_CLIPS = 10
"""Below this a fold's training part has hardly a pair of clips to learn from."""

FEWEST_SPEAKERS = 3
"""With a known emotion: to train on, to stop by and to measure on."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording and what is known of it; activation and valence are NaN where unlabelled."""

    path: Path
    corpus: str
    language: str
    role: str
    speaker: str
    sex: str
    emotion: str
    activation: float
    valence: float

    @property
    def emotion_number(self) -> int:
        """The class as the head counts it, -1 for a class it does not know."""
        return EMOTIONS.index(self.emotion) if self.emotion in EMOTIONS else -1


def read_manifest(path: Path) -> list[Clip]:
    """Read and check a manifest.

    Raises:
        CorpusError: the file cannot be read, a column is missing or nearly has the name of one that is, a
            clip is listed twice or its file is missing, a label is off the scale 1..5, a corpus has two
            languages, or a speaker two roles.

    """
    with opened(path) as sheet:
        check_names(path, sheet.columns, REQUIRED)
        clips = [_recording(path, sheet.columns, line) for line in sheet.lines()]
    check_clips(path, clips)
    _check_files(path, clips)
    return clips


def of_role(clips: Sequence[Clip], role: str) -> list[Clip]:
    """The clips of one role.

    Raises:
        CorpusError: no clip has that role.

    """
    chosen = [clip for clip in clips if clip.role == role]
    if not chosen:
        roles = ", ".join(sorted({clip.role for clip in clips}))
        raise CorpusError(f"No clip in the manifest has the role `{role}`: it has {roles}.")
    return chosen


def of_corpora(clips: Sequence[Clip], corpora: Sequence[str]) -> list[Clip]:
    """The clips of the named corpora.

    Raises:
        CorpusError: a named corpus is not in the manifest.

    """
    known = {clip.corpus for clip in clips}
    for name in corpora:
        if name not in known:
            raise CorpusError(f"No clip is of the corpus `{name}`: there are {', '.join(sorted(known))}.")
    return [clip for clip in clips if clip.corpus in corpora]


def check_trainable(clips: Sequence[Clip]) -> None:
    """Refuse clips that no classifier can be trained on.

    Raises:
        CorpusError: fewer than two of the head's classes occur, or too few clips or speakers have one.

    """
    known = [clip for clip in clips if clip.emotion_number >= 0]
    classes = sorted({clip.emotion for clip in known})
    if len(classes) < 2:
        others = sorted({clip.emotion for clip in clips if clip.emotion} - set(classes))
        raise CorpusError(
            f"Training needs clips of at least two of {', '.join(EMOTIONS)}; "
            f"the manifest has {', '.join(classes) or 'none of them'}"
            + (f" (but {', '.join(others)})." if others else ".")
        )
    speakers = {clip.speaker for clip in known}
    if len(speakers) < FEWEST_SPEAKERS:
        raise CorpusError(
            f"Training needs clips of at least {FEWEST_SPEAKERS} speakers, to train on, to stop by and to "
            f"measure on; those of {', '.join(EMOTIONS)} are {len(known)} clips of {len(speakers)}."
        )
    if len(known) < FEWEST_CLIPS:
        raise CorpusError(
            f"Training needs at least {FEWEST_CLIPS} clips of the classes {', '.join(EMOTIONS)}; "
            f"there are {len(known)}: add recordings."
        )


def clip_of(table: Path, line: int, path: Path, cells: Mapping[str, str]) -> Clip:
    """What a line of a table says of one clip; `path` tells it from all others.

    Raises:
        CorpusError: a name is no name, the role is unknown, or a label is not a number from 1 to 5.

    """
    role = cells.get("role") or "source"
    if role not in ROLES:
        raise CorpusError(f"Line {line} of {table} has the role `{role}`: choose source or transfer.")
    corpus = cells.get("corpus") or "unnamed"
    return Clip(
        path=path,
        corpus=corpus,
        language=cells.get("language") or "und",
        role=role,
        speaker=_speaker(table, line, corpus, cells),
        sex=cells.get("sex", ""),
        emotion=_name(table, line, "emotion", cells),
        activation=_label(table, line, "activation", cells),
        valence=_label(table, line, "valence", cells),
    )


def check_clips(table: Path, clips: Sequence[Clip]) -> None:
    """Refuse clips that contradict each other.

    Raises:
        CorpusError: there are none, one is listed twice, a corpus has two languages, or
            a speaker two roles.

    """
    if not clips:
        raise CorpusError(f"The table {table} lists no clips: write a line for each below the header.")
    repeated = [path for path, count in Counter(clip.path for clip in clips).items() if count > 1]
    if repeated:
        raise CorpusError(f"The table {table} lists {repeated[0].name} more than once: keep one line.")
    languages: dict[str, str] = {}
    roles: dict[str, str] = {}
    for clip in clips:
        if languages.setdefault(clip.corpus, clip.language) != clip.language:
            raise CorpusError(
                f"The corpus `{clip.corpus}` has more than one language in {table}: name a corpus for each."
            )
        if roles.setdefault(clip.speaker, clip.role) != clip.role:
            raise CorpusError(
                f"The speaker {clip.speaker} of {table} is on both sides of the split, once with the role "
                "source and once with transfer: give all of a speaker's clips one role."
            )


def _recording(manifest: Path, columns: Sequence[str], line: Line) -> Clip:
    cells = dict(zip(columns, line.cells, strict=True))
    if not cells["path"]:
        raise CorpusError(f"Line {line.number} of {manifest} has no path.")
    # Normalised, so that `./a.wav` and `a.wav` are the same clip.
    place = Path(os.path.normpath(manifest.parent / cells["path"]))
    return clip_of(manifest, line.number, place, cells)


def _speaker(table: Path, line: int, corpus: str, cells: Mapping[str, str]) -> str:
    name = _name(table, line, "speaker", cells)
    if not name:
        raise CorpusError(f"Line {line} of {table} has no speaker.")
    return name if "/" in name else f"{corpus}/{name}"


def _name(table: Path, line: int, column: str, cells: Mapping[str, str]) -> str:
    text = cells.get(column, "")
    if text.lower() in NOT_A_NAME:
        raise CorpusError(
            f"Line {line} of {table} has the {column} `{text}`: write its name"
            + (", or nothing if the clip is unlabelled." if column in LABELS else ".")
        )
    return text


def _label(table: Path, line: int, name: str, cells: Mapping[str, str]) -> float:
    text = cells.get(name, "")
    if not text:
        return nan
    advice = f"write a number from {LOWEST_LABEL:g} to {HIGHEST_LABEL:g}, or nothing if it is unlabelled"
    try:
        value = float(text)
    except ValueError:
        value = nan
    if isnan(value):
        raise CorpusError(f"Line {line} of {table}: {name} `{text}` is not a number; {advice}.")
    if not LOWEST_LABEL <= value <= HIGHEST_LABEL:
        raise CorpusError(f"Line {line} of {table}: {name} {text} is off the scale; {advice}.")
    return value


def _check_files(manifest: Path, clips: Sequence[Clip]) -> None:
    # A folder or a pipe in a file's place is there and gives no features: skipped with the broken files.
    missing = [clip.path for clip in clips if not os.path.exists(clip.path)]
    if missing:
        raise CorpusError(
            f"{len(missing)} of {len(clips)} files of {manifest} are missing, the first is {missing[0]}: "
            "mend the paths, which are relative to the manifest."
        )
