"""How far changes to the audio move a model's answers, and what they cost in recall.

A clip under a condition is held against the same clip as it was recorded, at the same stage of adaptation.

Shapes: N clips, F features, E emotions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from cmlstream.models.archive import Archive
from cmlstream.models.contract import EMOTIONS

from .adaptation import Scored, Stage, stages_of
from .hearing import Heard
from .manifest import Clip

Number = TypeVar("Number", np.float64, np.intp)


class Shift(msgspec.Struct, frozen=True):
    """How far a dimension on [-1, 1] moves."""

    mean: float
    """Of the distances without sign."""
    percentile_95: float
    signed: float
    """Mean with sign: what it moves by on the whole."""


class Robustness(msgspec.Struct, frozen=True):
    """A condition at a stage, over some clips; null where no clip counts."""

    n: int
    """Clips that were heard clean, and late enough for the stage."""
    unheard: int
    """Of these, clips in which the voice activity finds no speech under the condition."""
    activation: Shift | None
    """Over those that were heard, as valence."""
    valence: Shift | None
    clean_uar: float | None
    uar: float | None
    """Unweighted average recall under the condition; a clip that was not heard was not named rightly."""

    @property
    def lost_points(self) -> float | None:
        """Points of UAR that the condition costs."""
        if self.uar is None or self.clean_uar is None:
            return None
        return 100 * (self.clean_uar - self.uar)


class Overall(msgspec.Struct, frozen=True):
    """A condition at a stage: all clips together, and those of each corpus."""

    overall: Robustness
    corpus: dict[str, Robustness]


class StagesOf(msgspec.Struct, frozen=True):
    """A condition at each stage of a stream's baseline."""

    cold: Overall
    adapting: Overall
    adapted: Overall


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a model says of each clip, NaN and -1 where it heard nothing."""

    activation_N: NDArray[np.float64]
    valence_N: NDArray[np.float64]
    named_N: NDArray[np.intp]
    counted_N: NDArray[np.bool_]
    """Whether the stream had reached the stage when the clip was played, heard or not."""


def measure_all(
    archive: Archive,
    clips: Sequence[Clip],
    clean: Sequence[Heard],
    changed: Mapping[str, Sequence[Heard]],
    seed: int,
) -> dict[str, StagesOf]:
    """Every condition by its name, what was heard under it held against the clean clips at each stage."""
    expected = _answers_at_each_stage(archive, clips, clean, seed)
    return {
        name: _compare_stages(clips, expected, _answers_at_each_stage(archive, clips, heard, seed))
        for name, heard in changed.items()
    }


def _compare_stages(
    clips: Sequence[Clip], clean: Mapping[Stage, Answers], changed: Mapping[Stage, Answers]
) -> StagesOf:
    return StagesOf(
        cold=compare_groups(clips, clean[Stage.COLD], changed[Stage.COLD]),
        adapting=compare_groups(clips, clean[Stage.ADAPTING], changed[Stage.ADAPTING]),
        adapted=compare_groups(clips, clean[Stage.ADAPTED], changed[Stage.ADAPTED]),
    )


def compare_groups(clips: Sequence[Clip], clean: Answers, changed: Answers) -> Overall:
    """Changed answers against clean ones: all, and by corpus."""
    corpus_N = np.array([clip.corpus for clip in clips])
    return Overall(
        overall=compare(clips, clean, changed, np.full(len(clips), True)),
        corpus={str(name): compare(clips, clean, changed, corpus_N == name) for name in np.unique(corpus_N)},
    )


def compare(
    clips: Sequence[Clip], clean: Answers, changed: Answers, chosen_N: NDArray[np.bool_]
) -> Robustness:
    """Changed answers of the chosen clips against clean ones."""
    counted_N = chosen_N & clean.counted_N & changed.counted_N & (clean.named_N >= 0)
    both_N = counted_N & (changed.named_N >= 0)
    truth_N = np.array([clip.emotion_number for clip in clips])[counted_N]
    return Robustness(
        n=int(counted_N.sum()),
        unheard=int(counted_N.sum() - both_N.sum()),
        activation=_shift(changed.activation_N[both_N] - clean.activation_N[both_N]),
        valence=_shift(changed.valence_N[both_N] - clean.valence_N[both_N]),
        clean_uar=average_recall(truth_N, clean.named_N[counted_N]),
        uar=average_recall(truth_N, changed.named_N[counted_N]),
    )


def average_recall(truth_N: NDArray[np.intp], named_N: NDArray[np.intp]) -> float | None:
    """Unweighted average recall over the classes that occur; None where none does."""
    recalls = [
        (named_N[truth_N == number] == number).mean()
        for number in range(len(EMOTIONS))
        if (truth_N == number).any()
    ]
    return float(np.mean(recalls)) if recalls else None


def _answers_at_each_stage(
    archive: Archive, clips: Sequence[Clip], heard: Sequence[Heard], seed: int
) -> dict[Stage, Answers]:
    stages = stages_of(heard, [clip.speaker for clip in clips], archive.prior, seed)
    return {stage: answers_of(archive, scored) for stage, scored in stages.items()}


def answers_of(archive: Archive, scored: Scored) -> Answers:
    """What a model says of clips at a stage."""
    heard_N = np.asarray(np.isfinite(scored.scores_NF).any(axis=1))
    scores_BF = torch.from_numpy(scored.scores_NF[heard_N].astype(np.float32))
    with torch.inference_mode():
        # Scores against a baseline of zero and one are what they were.
        outputs = archive.script.estimate(scores_BF, torch.zeros_like(scores_BF), torch.ones_like(scores_BF))
    return Answers(
        activation_N=_spread(heard_N, outputs.activation_B.double().numpy(), np.nan),
        valence_N=_spread(heard_N, outputs.valence_B.double().numpy(), np.nan),
        named_N=_spread(heard_N, outputs.emotion_BE.argmax(1).numpy(), -1),
        counted_N=scored.reached_N,
    )


def _spread(chosen_N: NDArray[np.bool_], values_B: NDArray[Number], missing: float) -> NDArray[Number]:
    spread_N: NDArray[Number] = np.full(len(chosen_N), missing, values_B.dtype)
    spread_N[chosen_N] = values_B
    return spread_N


def _shift(moved_N: NDArray[np.float64]) -> Shift | None:
    if not len(moved_N):
        return None
    distance_N = np.abs(moved_N)
    return Shift(
        mean=float(distance_N.mean()),
        percentile_95=float(np.percentile(distance_N, 95)),
        signed=float(moved_N.mean()),
    )
