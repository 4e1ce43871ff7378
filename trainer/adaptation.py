"""Standard scores of clips at three stages of a stream's baseline: cold, adapting, adapted.

An adapted baseline is that of a stream which has heard this speaker, through this microphone and in this
place, for as long as its half-life: five minutes of speech. Few speakers of any corpus say so much, so the
stream plays all of a speaker's clips, in one random order, again and again until that much has been heard;
then every clip is scored once more, while the baseline runs on. By then it has heard each clip before.
Labels are not used, and clean and changed clips are treated alike, so the difference between them is fair; a
figure by itself is a little too good. The prior keeps its weight all along, as it does in a live stream:
after five minutes it still has a twelfth of the say.

Shapes: N clips, F features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cmlstream.models.baseline import HALF_LIFE_S, Baseline, FeaturePrior

from .hearing import Heard

Vector = NDArray[np.float64]

ADAPTED_S = HALF_LIFE_S
ADAPTING_S = 30.0


class Stage(StrEnum):
    """How much of a speaker a stream's baseline has heard before a clip."""

    COLD = "cold"
    """Nothing: the model's prior alone."""
    ADAPTING = "adapting"
    """At least 30 s, each clip heard for the first time; clips before that are not counted."""
    ADAPTED = "adapted"
    """At least 300 s, the clips of corpora that are shorter several times."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Standard scores of each clip's longest region at one stage."""

    scores_NF: NDArray[np.float64]
    """NaN where nothing was heard, or the stage was not reached."""
    reached_N: NDArray[np.bool_]
    """Whether the stream was at this stage when the clip was played, heard or not."""


def stages_of(
    heard: Sequence[Heard], speakers: Sequence[str], prior: FeaturePrior, seed: int
) -> dict[Stage, Scored]:
    """Score all clips at all stages, each speaker's as one stream; a seed gives the same orders each time."""
    shape = (len(heard), len(prior.mean_F))
    stages = {stage: Scored(np.full(shape, np.nan), np.full(len(heard), False)) for stage in Stage}
    generator = np.random.default_rng(seed)
    for speaker in sorted(set(speakers)):
        clips = [number for number, other in enumerate(speakers) if other == speaker]
        for stage, number, scores_F in _played(heard, generator.permutation(clips), prior):
            stages[stage].reached_N[number] = True
            stages[stage].scores_NF[number] = scores_F
    return stages


def _played(
    heard: Sequence[Heard], order: NDArray[np.intp], prior: FeaturePrior
) -> Iterator[tuple[Stage, int, Vector]]:
    """The scores of one speaker's clips at each stage that they are played in."""
    baseline = Baseline(prior)
    for number in order:
        yield Stage.COLD, number, _scores(heard[number], baseline)
    for number in order:
        if baseline.speech_s >= ADAPTING_S:
            yield Stage.ADAPTING, number, _scores(heard[number], baseline)
        _count(heard[number], baseline)
    while 0 < baseline.speech_s < ADAPTED_S:
        for number in order:
            _count(heard[number], baseline)
    for number in order:
        yield Stage.ADAPTED, number, _scores(heard[number], baseline)
        _count(heard[number], baseline)


def _scores(clip: Heard, baseline: Baseline) -> Vector:
    if not len(clip.speech_s_N):
        return np.full(len(baseline.mean_F), np.nan)
    scores_F: Vector = (clip.longest - baseline.mean_F) / baseline.deviation_F
    return scores_F


def _count(clip: Heard, baseline: Baseline) -> None:
    for features_F, speech_s in zip(clip.features_NF, clip.speech_s_N, strict=True):
        baseline.update(features_F, float(speech_s))
