"""The manifest: a CSV with a line per clip, read and checked before anything long begins.

Required columns: path (relative to the manifest), speaker, and emotion, or activation and valence. Optional:
corpus, language, role, sex, text, duration_s. An empty activation or valence is unlabelled.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

from cmlstream.models.contract import EMOTIONS
from cmlstream.models.errors import CorpusError

REQUIRED = ("path", "speaker")
ROLES = ("source", "transfer")
"""Clips to fit to, and clips to measure on only."""
LABELS = ("emotion", "activation", "valence")
OPTIONAL = ("corpus", "language", "role", "sex", "text", "duration_s")

LOWEST_LABEL, HIGHEST_LABEL = 1.0, 5.0


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
        CorpusError: the file cannot be read, a column is unknown or missing, a clip is listed twice or its
            file is missing, or a label is off the scale 1..5.

    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            columns = reader.fieldnames or []
            _check_columns(path, columns)
            clips = [_clip(path, reader.line_num, row) for row in reader]
    except OSError as error:
        raise CorpusError(
            f"The manifest {path} cannot be read ({error.strerror}): name a CSV file."
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise CorpusError(f"The manifest {path} is not a CSV file in UTF-8 ({error}).") from error
    _check_clips(path, clips)
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
        CorpusError: fewer than two of the head's classes occur.

    """
    counts = Counter(clip.emotion for clip in clips if clip.emotion_number >= 0)
    if len(counts) < 2:
        found = ", ".join(counts) or "none of them"
        raise CorpusError(
            f"Training needs clips of at least two of {', '.join(EMOTIONS)}; the manifest has {found}."
        )


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    for name in columns:
        if name not in (*REQUIRED, *LABELS, *OPTIONAL):
            known = ", ".join((*REQUIRED, *LABELS, *OPTIONAL))
            raise CorpusError(f"The manifest {path} has an unknown column `{name}`: the columns are {known}.")
    for name in REQUIRED:
        if name not in columns:
            raise CorpusError(f"The manifest {path} has no column `{name}`.")
    if not set(LABELS) & set(columns):
        raise CorpusError(f"The manifest {path} has no label: it needs one of {', '.join(LABELS)}.")


def _clip(manifest: Path, line: int, row: Mapping[str, str | None]) -> Clip:
    if None in row or None in row.values():
        raise CorpusError(f"Line {line} of {manifest} has another number of fields than the header.")
    cells = {name: (value or "").strip() for name, value in row.items()}
    for name in REQUIRED:
        if not cells[name]:
            raise CorpusError(f"Line {line} of {manifest} has no {name}.")
    role = cells.get("role") or "source"
    if role not in ROLES:
        raise CorpusError(f"Line {line} of {manifest} has the role `{role}`: choose source or transfer.")
    return Clip(
        path=manifest.parent / cells["path"],
        corpus=cells.get("corpus") or "unnamed",
        language=cells.get("language") or "und",
        role=role,
        speaker=cells["speaker"],
        sex=cells.get("sex", ""),
        emotion=cells.get("emotion", ""),
        activation=_label(manifest, line, "activation", cells),
        valence=_label(manifest, line, "valence", cells),
    )


def _label(manifest: Path, line: int, name: str, cells: Mapping[str, str]) -> float:
    text = cells.get(name, "")
    if not text:
        return nan
    advice = f"write a number from {LOWEST_LABEL:g} to {HIGHEST_LABEL:g}, or nothing if it is unlabelled"
    try:
        value = float(text)
    except ValueError:
        value = nan
    if isnan(value):
        raise CorpusError(f"Line {line} of {manifest}: {name} `{text}` is not a number; {advice}.")
    if not LOWEST_LABEL <= value <= HIGHEST_LABEL:
        raise CorpusError(f"Line {line} of {manifest}: {name} {text} is off the scale; {advice}.")
    return value


def _check_clips(manifest: Path, clips: Sequence[Clip]) -> None:
    if not clips:
        raise CorpusError(f"The manifest {manifest} lists no clips.")
    repeated = [path for path, count in Counter(clip.path for clip in clips).items() if count > 1]
    if repeated:
        raise CorpusError(f"The manifest {manifest} lists {repeated[0].name} more than once: keep one line.")
    missing = [clip.path for clip in clips if not clip.path.is_file()]
    if missing:
        raise CorpusError(
            f"{len(missing)} of {len(clips)} files of {manifest} are missing, the first is {missing[0]}: "
            "mend the paths, which are relative to the manifest."
        )
    languages: dict[str, str] = {}
    for clip in clips:
        if languages.setdefault(clip.corpus, clip.language) != clip.language:
            raise CorpusError(
                f"The corpus `{clip.corpus}` has more than one language in {manifest}: "
                "name a corpus for each."
            )
