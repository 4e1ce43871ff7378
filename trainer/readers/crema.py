"""CREMA-D: names such as 1001_DFA_ANG_XX.wav, and the actors' sex in `VideoDemographics.csv`."""

import csv
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

from .base import Emotion, Findings, Oddity
from .files import files
from .named import NamedCorpus

DEMOGRAPHICS = "VideoDemographics.csv"

# One of the 7442 files ends in X alone.
NAMES = NamedCorpus(
    corpus="crema_d",
    language="en",
    example="1001_DFA_ANG_XX.wav",
    pattern=r"(?P<speaker>1\d{3})_(?P<text>[A-Z]{3})_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_(?:HI|LO|MD|XX?)",
    emotions={
        "ANG": Emotion.ANGER,
        "DIS": Emotion.DISGUST,
        "FEA": Emotion.FEAR,
        "HAP": Emotion.HAPPINESS,
        "NEU": Emotion.NEUTRAL,
        "SAD": Emotion.SADNESS,
    },
    sex=lambda _: "",
)


class CremaD:
    """CREMA-D; without its table of actors, below the folder or beside it, their sex stays empty."""

    convention = NAMES.convention

    def read(self, folder: Path) -> Findings:
        """Everything in the folder.

        Raises:
            CorpusError: the folder cannot be listed.

        """
        table = _demographics(folder)
        try:
            sexes = _sexes(table) if table else {}
        except (OSError, csv.Error, KeyError, UnicodeDecodeError):
            sexes = {}
        findings = replace(NAMES, sex=lambda actor: sexes.get(actor, "")).read(folder)
        if table and not sexes:
            unread = Oddity(table, "it names no actor's sex in columns ActorID and Sex")
            return replace(findings, incomplete=(unread,))
        return findings


def _demographics(folder: Path) -> Path | None:
    beside = folder.resolve().parent / DEMOGRAPHICS
    below = (path for path in files(folder) if path.name == DEMOGRAPHICS)
    return next(chain(below, [beside] if beside.is_file() else []), None)


def _sexes(table: Path) -> Mapping[str, str]:
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return {row["ActorID"]: row["Sex"][0].lower() for row in rows if row["Sex"] in ("Female", "Male")}
