"""Labels that stand upside down, as some scales of little pictures do: found by what everybody agrees on."""

from collections.abc import Callable, Sequence
from math import isnan, nan
from statistics import fmean

from .base import Emotion, Recording

Dimension = Callable[[Recording], float]


def complaints(recordings: Sequence[Recording]) -> list[str]:
    """A sentence for each dimension that seems to run the wrong way."""
    found = []
    if _mean(recordings, Emotion.ANGER, _activation) < _mean(recordings, Emotion.SADNESS, _activation):
        found.append(
            "anger is labelled calmer than sadness: activation should run from 1, calm, to 5, excited."
        )
    if _mean(recordings, Emotion.HAPPINESS, _valence) < _mean(recordings, Emotion.ANGER, _valence):
        found.append(
            "happiness is labelled less pleasant than anger: "
            "valence should run from 1, unpleasant, to 5, pleasant."
        )
    return found


def _activation(recording: Recording) -> float:
    return recording.activation


def _valence(recording: Recording) -> float:
    return recording.valence


def _mean(recordings: Sequence[Recording], emotion: Emotion, dimension: Dimension) -> float:
    """NaN, which is never less than anything, where the class has no labels."""
    values = [dimension(recording) for recording in recordings if recording.emotion == emotion]
    labelled = [value for value in values if not isnan(value)]
    return fmean(labelled) if labelled else nan
