"""Invented clips of several languages, one of them never to be trained on."""

from dataclasses import replace
from math import nan

import numpy as np

from cmlstream.trainer.circumplex import position
from cmlstream.trainer.manifest import Clip
from cmlstream.trainer.table import FeatureTable
from tests.trainer.corpus import invented_table

LANGUAGES = ("de", "en", "ur")
PUBLISHED = ("de", "ur")


def _with_language(number: int, clip: Clip) -> Clip:
    language = LANGUAGES[int(clip.speaker.removeprefix("s")) % len(LANGUAGES)]
    place, shift = position(clip.emotion), number % 5 / 10 - 0.2
    return replace(
        clip,
        corpus=f"of {language}",
        language=language,
        role="transfer" if language == "ur" else "source",
        emotion="surprise" if number % 11 == 0 else clip.emotion,
        activation=place.activation + shift if language in PUBLISHED else nan,
        valence=place.valence + shift if language in PUBLISHED else nan,
    )


def languages_table(speakers: int = 15, takes: int = 2) -> FeatureTable:
    """Speakers in turn of German, English and Urdu; one clip in eleven has a class that nobody knows."""
    table = invented_table(speakers, takes)
    return replace(table, clips=tuple(_with_language(*pair) for pair in enumerate(table.clips)))


def clips(speakers: int = 15, takes: int = 2) -> tuple[Clip, ...]:
    return languages_table(speakers, takes).clips


def of_language(found: tuple[Clip, ...], language: str) -> np.ndarray:
    return np.flatnonzero([clip.language == language for clip in found])
