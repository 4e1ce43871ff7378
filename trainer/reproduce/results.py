"""What `reproduce` writes as `results.json`."""

import msgspec

from cmlstream.trainer.settings import FitSettings

from .baselines import Choice
from .gains import PLAIN as PLAIN
from .gains import Gain
from .marks import Mark
from .records import Figure as Figure
from .records import Record as Record


class Versions(msgspec.Struct, frozen=True):
    """What the figures were computed with."""

    cmlstream: str
    commit: str
    python: str
    torch: str
    numpy: str
    scikit_learn: str
    platform: str


class Results(msgspec.Struct, frozen=True):
    """Everything that was found."""

    command: str
    seeds: tuple[int, ...]
    epochs: int
    """Of the paper's networks."""
    ours: FitSettings
    """The recipe of ours."""
    networks: int
    minutes: float
    versions: Versions
    clips: dict[str, int]
    """By language."""
    choices: tuple[Choice, ...]
    records: tuple[Record, ...]
    gains: tuple[Gain, ...]
    marks: tuple[Mark, ...]
    """What ours reaches."""
