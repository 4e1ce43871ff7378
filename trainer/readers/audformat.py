"""Databases in audformat: a header `db.yaml` and tables `db.NAME.csv` or `db.NAME.parquet`.

Taken are the schemes (or columns) emotion, speaker, gender or sex, arousal or activation, valence and
dominance. A dimension whose scheme has a minimum and a maximum is stretched to 1..5; another one has to be
on that scale. Where raters differ, the class of the majority counts, and the mean of a dimension.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

from .base import Emotion, Findings, Oddity, Recording
from .tables import HEADER, column, limits, load, majority, mean

SEGMENTED = "it is labelled in segments, and a manifest holds whole files: cut it up first"
NO_SPEAKER = "the database names no speaker for it"
MISSING = "a table lists it, but it is not there"
OFF_SCALE = "a dimension is off the scale 1..5 and left out"

LOWEST, HIGHEST = 1.0, 5.0

SEXES = {"female": "f", "male": "m"}
SYNONYMS = {
    "angry": Emotion.ANGER,
    "bored": Emotion.BOREDOM,
    "calmness": Emotion.CALM,
    "disgusted": Emotion.DISGUST,
    "excited": Emotion.EXCITEMENT,
    "fearful": Emotion.FEAR,
    "frustrated": Emotion.FRUSTRATION,
    "happy": Emotion.HAPPINESS,
    "joy": Emotion.HAPPINESS,
    "sad": Emotion.SADNESS,
    "surprised": Emotion.SURPRISE,
}
UNNAMED = ("na", "n/a", "nan", "none", "null")
"""What is written for no class; a manifest leaves the cell empty."""


class AudformatDatabase:
    """A database whose header lies in the folder."""

    convention = f"{HEADER} and its tables as CSV or Parquet"

    def read(self, folder: Path) -> Findings:
        """Every labelled file.

        Raises:
            CorpusError: header and tables cannot be read.
            ConfigurationError: the package `audformat` is not installed.

        """
        folder = folder.resolve()
        labels = _Labels(load(folder))
        recordings, skipped, incomplete = [], [], []
        for name in labels.files():
            if (reason := labels.objection(folder, name)) is not None:
                skipped.append(Oddity(folder / name, reason))
                continue
            recordings.append(labels.recording(folder, name))
            if labels.left_out(name):
                incomplete.append(Oddity(folder / name, OFF_SCALE))
        return Findings(labels.corpus, labels.language, tuple(recordings), tuple(skipped), tuple(incomplete))


@dataclass(frozen=True, slots=True)
class _Dimension:
    """A dimension by file, as the database has it, and where the ends of its scale are."""

    values: Mapping[str, Any]
    segmented: frozenset[str]
    lowest: float
    highest: float

    @classmethod
    def of(cls, database: Any, *names: str) -> "_Dimension":
        found = column(database, names, mean)
        lowest, highest = limits(database, names) or (LOWEST, HIGHEST)
        return cls(found.values, found.segmented, lowest, highest)

    def value(self, name: str) -> float:
        """On the scale 1..5, NaN where there is none or none on that scale."""
        share = (_number(self.values.get(name)) - self.lowest) / (self.highest - self.lowest)
        return LOWEST + (HIGHEST - LOWEST) * share if 0 <= share <= 1 else nan

    def left_out(self, name: str) -> bool:
        """Whether there is a value that could not be taken."""
        return name in self.values and isnan(self.value(name))


class _Labels:
    """What the tables tell of each file."""

    def __init__(self, database: Any) -> None:
        self.corpus: str = database.name
        self.language = _language(database.languages)
        self._emotion = column(database, ("emotion",), majority)
        self._speaker = column(database, ("speaker",), majority)
        self._sex = column(database, ("gender", "sex"), majority)
        self._activation = _Dimension.of(database, "arousal", "activation")
        self._valence = _Dimension.of(database, "valence")
        self._dominance = _Dimension.of(database, "dominance")

    def files(self) -> list[str]:
        """Every file that has a label, or a part with one."""
        labels = (self._emotion, self._activation, self._valence)
        return sorted({name for label in labels for name in (*label.values, *label.segmented)})

    def objection(self, folder: Path, name: str) -> str | None:
        """Why a file gives no recording."""
        if not any(name in label.values for label in (self._emotion, self._activation, self._valence)):
            return SEGMENTED
        if name not in self._speaker.values:
            return NO_SPEAKER
        return None if (folder / name).is_file() else MISSING

    def recording(self, folder: Path, name: str) -> Recording:
        """A file and its labels."""
        return Recording(
            path=folder / name,
            speaker=str(self._speaker.values[name]),
            sex=SEXES.get(self._sex.values.get(name, ""), ""),
            text="",
            emotion=_emotion(str(self._emotion.values.get(name, "")).strip().lower()),
            activation=self._activation.value(name),
            valence=self._valence.value(name),
            dominance=self._dominance.value(name),
        )

    def left_out(self, name: str) -> bool:
        """Whether the database has a label that could not be taken."""
        return any(one.left_out(name) for one in (self._activation, self._valence, self._dominance))


def _emotion(name: str) -> str:
    return "" if name in UNNAMED else SYNONYMS.get(name, name)


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return nan


def _language(codes: list[str]) -> str:
    """The language in two letters where it has them; `mul` for several, `und` for none told."""
    from iso639 import Lang

    if len(codes) != 1:
        return "mul" if codes else "und"
    language = Lang(codes[0])
    return str(language.pt1 or language.pt3)
