"""What networks are trained on: standard scores, labels, and which piece of a clip an epoch takes.

Shapes: K draws, N rows, C clips, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmlstream.models.baseline import FeaturePrior

from .circumplex import position
from .losses import Targets
from .manifest import Clip
from .settings import FitSettings
from .table import FeatureTable, in_streams

MOODS_OF_A_STREAM = 2

Pairs = Literal["all", "corpus", "speaker"]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Clips to train on, normalised as a stream would in several random orders."""

    table: FeatureTable
    scores_KNF: Tensor
    targets: Targets
    """What is known of each clip."""

    def sample(self, generator: np.random.Generator) -> NDArray[np.intp]:
        """The row of one piece of each clip: a whole region or a window, with even chances."""
        clips, clip_N, whole_N = len(self.table.clips), self.table.clip_N, self.table.whole_N
        # Windows before regions, clip by clip: a kind of piece is then a run of rows.
        order_N = np.lexsort((whole_N, clip_N))
        windows_C = np.bincount(clip_N[~whole_N], minlength=clips)
        regions_C = np.bincount(clip_N[whole_N], minlength=clips)
        region_C = (generator.random(clips) < 0.5) | (windows_C == 0)
        first_C = np.cumsum(windows_C + regions_C) - np.where(region_C, regions_C, windows_C + regions_C)
        among_C = np.where(region_C, regions_C, windows_C)
        return np.asarray(order_N[first_C + np.floor(generator.random(clips) * among_C).astype(np.intp)])


def training_set(table: FeatureTable, prior: FeaturePrior, settings: FitSettings, seed: int) -> TrainingSet:
    """Prepare clips for training: draw streams, gather labels, fall back on circumplex positions."""
    draws = [
        in_streams(table, streams(table.clips, draw, seed), prior, seed + draw)
        for draw in range(settings.validation.draws)
    ]
    return TrainingSet(table, torch.from_numpy(np.stack(draws)), targets_of(table.clips, settings.loss.pairs))


def streams(clips: Sequence[Clip], draw: int, seed: int) -> list[str]:
    """The stream that plays each clip: in even draws one for each speaker, in odd ones one for a few moods.

    Actors go through all moods within minutes, other people do not. A model that has only seen baselines of
    all moods takes a speaker's one mood for neutral.
    """
    if draw % 2 == 0:
        return [clip.speaker for clip in clips]
    generator = np.random.default_rng(seed + draw)
    classes: dict[str, set[str]] = {}
    for clip in clips:
        classes.setdefault(clip.speaker, set()).add(clip.emotion)
    dealt = {
        (speaker, str(emotion)): place // MOODS_OF_A_STREAM
        for speaker, moods in classes.items()
        for place, emotion in enumerate(generator.permutation(sorted(moods)))
    }
    return [f"{clip.speaker}/{dealt[clip.speaker, clip.emotion]}" for clip in clips]


def targets_of(clips: tuple[Clip, ...], pairs: Pairs) -> Targets:
    """What is known of each clip; published labels take precedence over the position of its class."""
    weak = [position(clip.emotion) for clip in clips]
    groups, group_C = np.unique([_group(clip, pairs) for clip in clips], return_inverse=True)
    activation = [clip.activation for clip in clips]
    valence = [clip.valence for clip in clips]
    return Targets(
        activation_B=_published_or_weak(activation, [place.activation for place in weak]),
        valence_B=_published_or_weak(valence, [place.valence for place in weak]),
        emotion_B=torch.tensor([clip.emotion_number for clip in clips]),
        group_B=torch.from_numpy(group_C),
        groups=len(groups),
    )


def _group(clip: Clip, pairs: Pairs) -> str:
    match pairs:
        case "all":
            return ""
        case "corpus":
            return clip.corpus
        case "speaker":
            return clip.speaker


def _published_or_weak(published: list[float], weak: list[float]) -> Tensor:
    published_C = np.array(published)
    return torch.from_numpy(np.where(np.isnan(published_C), weak, published_C))
