"""What every reader gives back, and the names that classes have in a manifest."""

from dataclasses import dataclass
from enum import StrEnum
from math import nan
from pathlib import Path
from typing import Protocol


class Emotion(StrEnum):
    """The names of classes in a manifest; corpora keep the classes they have and none is merged."""

    ANGER = "anger"
    BOREDOM = "boredom"
    CALM = "calm"
    CONTEMPT = "contempt"
    DISGUST = "disgust"
    EXCITEMENT = "excitement"
    FEAR = "fear"
    FRUSTRATION = "frustration"
    HAPPINESS = "happiness"
    NEUTRAL = "neutral"
    OTHER = "other"
    SADNESS = "sadness"
    SURPRISE = "surprise"


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording and what its corpus tells of it.

    `speaker` is unique within the corpus only. `sex` is f, m or empty, `text` the identifier of what is
    said or empty, `emotion` empty where the judges did not agree. Activation (1 calm .. 5 excited), valence
    (1 unpleasant .. 5 pleasant) and dominance (1 weak .. 5 strong) are NaN where unlabelled.
    """

    path: Path
    speaker: str
    sex: str
    text: str
    emotion: str
    activation: float = nan
    valence: float = nan
    dominance: float = nan


@dataclass(frozen=True, slots=True)
class Oddity:
    """A file that was not understood, or not in full, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a reader made of a folder: `skipped` files give no recording, `incomplete` ones lack a label."""

    corpus: str
    language: str
    recordings: tuple[Recording, ...]
    skipped: tuple[Oddity, ...] = ()
    incomplete: tuple[Oddity, ...] = ()


class Reader(Protocol):
    """A corpus that can be read."""

    @property
    def convention(self) -> str:
        """What is expected in the folder, to follow `expected `."""

    def read(self, folder: Path) -> Findings:
        """Everything in the folder; a file that is not understood is told of and never fatal.

        Raises:
            CorpusError: the folder cannot be read at all.
            ConfigurationError: a package that this reader needs is not installed.

        """
