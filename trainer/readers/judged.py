"""What the corpora that people judged have in common: an evaluation per recording, found by its name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path

from .base import Findings, Oddity, Recording
from .files import files

LOWEST, HIGHEST = 1.0, 5.0

UNJUDGED = "no evaluation names it"
STRANGE = "its name follows another convention, or another file has the same"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What judges made of a recording: a class, empty where they did not agree, and means or NaN."""

    emotion: str
    activation: float
    valence: float
    dominance: float


def lines_of(folder: Path, wanted: Callable[[Path], bool]) -> Iterator[str]:
    """The lines of all evaluation files below a folder; a file that cannot be read has none."""
    for path in filter(wanted, files(folder)):
        try:
            yield from path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue


def judged(
    corpus: str,
    language: str,
    recordings: Mapping[str, Recording],
    evaluations: Mapping[str, Evaluation],
    strangers: Iterable[Path],
) -> Findings:
    """Recordings and evaluations of the same name; a mean off the scale 1..5 is left out and told of."""
    both = [(recordings[name], evaluations[name]) for name in recordings if name in evaluations]
    unjudged = [Oddity(recordings[name].path, UNJUDGED) for name in recordings if name not in evaluations]
    return Findings(
        corpus,
        language,
        recordings=tuple(_labelled(recording, evaluation) for recording, evaluation in both),
        skipped=(*unjudged, *(Oddity(path, STRANGE) for path in strangers)),
        incomplete=tuple(
            Oddity(recording.path, f"a judgement of {value:g} is off the scale 1..5 and left out")
            for recording, evaluation in both
            for value in (evaluation.activation, evaluation.valence, evaluation.dominance)
            if not isnan(value) and isnan(_on_scale(value))
        ),
    )


def _labelled(recording: Recording, evaluation: Evaluation) -> Recording:
    return replace(
        recording,
        emotion=evaluation.emotion,
        activation=_on_scale(evaluation.activation),
        valence=_on_scale(evaluation.valence),
        dominance=_on_scale(evaluation.dominance),
    )


def _on_scale(value: float) -> float:
    return value if LOWEST <= value <= HIGHEST else nan
