"""Where an emotion class lies on the circumplex: weak activation and valence labels for clips without.

The positions are the means of the labels that Das et al. published for EmoDB (scale 1..5). Those for URDU
are not used: a corpus that a model is measured on must not teach it. German left out is taught by them all
the same, which flatters its concordance by .08 and its correlation by less than .01 (measured with whole
numbers in their place). Surprise and calm stay unlabelled.
"""

from dataclasses import dataclass
from math import nan


@dataclass(frozen=True, slots=True)
class Position:
    """Activation and valence on the scale 1..5."""

    activation: float
    valence: float


UNKNOWN = Position(nan, nan)

_POSITIONS = {
    "anger": Position(4.23, 2.06),
    "happiness": Position(3.73, 3.7),
    "fear": Position(3.71, 2.12),
    "disgust": Position(2.55, 2.03),
    "neutral": Position(2.68, 3.0),
    "boredom": Position(2.16, 2.7),
    "sadness": Position(1.66, 2.13),
}


def position(emotion: str) -> Position:
    """The position of a class; NaN for a class that has none."""
    return _POSITIONS.get(emotion, UNKNOWN)
