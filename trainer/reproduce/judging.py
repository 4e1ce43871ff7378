"""What ours is worth: its answers calibrated on source languages it had not heard, then scored.

The temperature of a network for one language comes from what the networks of the same seed say of the other
source languages, each of them left out; for the transfer corpora from all of these. So confidence is
calibrated on the source corpora alone, for languages that no training heard, as `fit` does it.

Shapes: N clips, E emotions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import pi, sqrt

import numpy as np

from cmlstream.trainer.calibration import temperature_of
from cmlstream.trainer.evaluation import Predictions, joined, measure, measure_groups
from cmlstream.trainer.figures import Figures
from cmlstream.trainer.manifest import Clip
from cmlstream.trainer.table import Normalisation

from .networks import Measured, Subject
from .ours import OURS, Heard
from .protocol import SEEDS, Protocol
from .records import EACH_IN_TURN
from .scoring import EVERYWHERE, Score

TOGETHER = "ours, seeds together"
"""The mean of what the networks of all seeds say."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a network says, calibrated."""

    heard: Heard
    predictions: Predictions
    calibrated: bool
    """False where no other language was left out to calibrate by."""


def judge(clips: Sequence[Clip], heard: Sequence[Heard]) -> Iterator[Measured]:
    """Score every network, and those of all seeds together, on each language and on all."""
    everything = [*heard, *together(heard)]
    answers = [calibrated(clips, one, everything) for one in everything]
    for answer in answers:
        yield Measured(answer.heard.subject, tuple(_scores(clips, [answer])))
    left_out = [answer for answer in answers if answer.heard.subject.protocol is Protocol.LEAVE_ONE_OUT]
    for subject, turns in groupby(sorted(left_out, key=_turn_order), lambda answer: _in_turn(answer.heard)):
        yield Measured(subject, tuple(_scores(clips, list(turns)))[:1])


def together(heard: Sequence[Heard]) -> Iterator[Heard]:
    """The networks of all seeds as one, where they are measured in streams as they were trained."""
    chosen = [
        one
        for one in heard
        if one.subject.method == OURS and one.subject.normalisation is Normalisation.CAUSAL
    ]
    for _, group in groupby(sorted(chosen, key=_split_order), _split_order):
        members = list(group)
        subject = replace(members[0].subject, method=TOGETHER, seed=SEEDS[0])
        yield replace(members[0], subject=subject, predictions=_mean([one.predictions for one in members]))


def calibrated(clips: Sequence[Clip], heard: Heard, everything: Sequence[Heard]) -> Answer:
    """A network's answers under the temperature that left-out source languages ask for."""
    others = [one for one in everything if _calibrates(one, heard)]
    truth_N = np.array([clips[number].emotion_number for one in others for number in one.split.tested])
    if not (truth_N >= 0).any():
        return Answer(heard, heard.predictions, calibrated=False)
    temperature = temperature_of(joined([one.predictions for one in others]), truth_N)
    return Answer(heard, heard.predictions.cooled(temperature), calibrated=True)


def _calibrates(one: Heard, heard: Heard) -> bool:
    """Whether it is another left-out language of the same method and seed, measured as it was trained."""
    mine, other = heard.subject, one.subject
    return (
        other.protocol is Protocol.LEAVE_ONE_OUT
        and (other.method, other.seed) == (mine.method, mine.seed)
        and other.normalisation == one.trained_under == heard.trained_under
        and one.split.name != heard.split.name
    )


def _mean(parts: Sequence[Predictions]) -> Predictions:
    return Predictions(
        np.mean([part.activation_N for part in parts], axis=0),
        np.mean([part.valence_N for part in parts], axis=0),
        np.mean([part.emotion_NE for part in parts], axis=0),
    )


def _scores(clips: Sequence[Clip], answers: Sequence[Answer]) -> Iterator[Score]:
    """Over all clips, then of each language."""
    tested = [clips[number] for answer in answers for number in answer.heard.split.tested]
    predictions = joined([answer.predictions for answer in answers])
    confident = all(answer.calibrated for answer in answers)
    yield _score(EVERYWHERE, measure(tested, predictions), confident)
    for language, figures in measure_groups(tested, predictions, [clip.language for clip in tested]).items():
        yield _score(language, figures, confident)


def _score(language: str, figures: Figures, confident: bool) -> Score:
    return Score(
        language=language,
        uar=figures.uar,
        activation=figures.activation.pearson,
        valence=figures.valence.pearson,
        mean_activation=None,
        mean_valence=None,
        ece=figures.ece if confident else None,
        chance_ece=_chance_ece(figures) if confident else None,
        auroc=figures.auroc if confident else None,
    )


def _chance_ece(figures: Figures) -> float | None:
    """What the calibration error of perfect confidence would be, on so few clips.

    Of n clips that are right with probability p each, the share that is right lies sqrt(2 p (1 - p) / (pi n))
    off p on average (the mean of a normal deviation's size), and a calibration error is the mean of that.
    """
    if not figures.classified:
        return None
    off = [
        part.n * sqrt(2 * part.confidence * (1 - part.confidence) / (pi * part.n))
        for part in figures.calibration
    ]
    return sum(off) / figures.classified


def _split_order(heard: Heard) -> tuple[str, str]:
    return heard.subject.protocol, heard.split.name


def _turn_order(answer: Answer) -> tuple[object, ...]:
    subject = answer.heard.subject
    return subject.method, subject.normalisation, subject.seed, answer.heard.split.name


def _in_turn(heard: Heard) -> Subject:
    return replace(heard.subject, trained_on=EACH_IN_TURN)
