"""What every protocol works on: a region of each clip, its standard scores and its labels.

Shapes: N clips, R rows of the table, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cmlstream.trainer.circumplex import position
from cmlstream.trainer.evaluation import longest_regions
from cmlstream.trainer.manifest import Clip
from cmlstream.trainer.table import FeatureTable, Normalisation, Scores, normalise, prior_of

from .protocol import Split

ORDER_SEED = 1
"""Of the order in which each speaker's clips are played to the causal baseline."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What is known of each clip; activation and valence on the scale 1..5, NaN where unlabelled."""

    emotion_N: NDArray[np.intp]
    """Class number, -1 for a clip of another class or of none."""
    activation_N: Vector
    valence_N: Vector
    weak_activation_N: Vector
    """The published label, or else the circumplex position of the class: to train on, never to measure by."""
    weak_valence_N: Vector
    language_N: NDArray[np.str_]


def labels_of(clips: Sequence[Clip]) -> Labels:
    """The labels of clips."""
    activation_N = np.array([clip.activation for clip in clips])
    valence_N = np.array([clip.valence for clip in clips])
    places = [position(clip.emotion) for clip in clips]
    weak_activation_N = np.array([place.activation for place in places])
    weak_valence_N = np.array([place.valence for place in places])
    return Labels(
        emotion_N=np.array([clip.emotion_number for clip in clips]),
        activation_N=activation_N,
        valence_N=valence_N,
        weak_activation_N=np.where(np.isnan(activation_N), weak_activation_N, activation_N),
        weak_valence_N=np.where(np.isnan(valence_N), weak_valence_N, valence_N),
        language_N=np.array([clip.language for clip in clips]),
    )


def scores_of(table: FeatureTable, split: Split, normalisation: Normalisation) -> Scores:
    """Standard scores of each clip's longest region, `NF`, as a model trained on this split sees them.

    The prior is that of the training clips alone. Against a corpus's own statistics, or those of a running
    baseline, the clips that are measured take part as well, without their labels.
    """
    prior = prior_of(table.subset(split.training))
    rows_N = longest_regions(table)
    return normalise(table, prior, normalisation, ORDER_SEED)[rows_N]


def one_region_each(table: FeatureTable) -> FeatureTable:
    """The table with one row per clip, its longest region: what the published programme trains on."""
    rows_N = longest_regions(table)
    return replace(
        table,
        features_NF=table.features_NF[rows_N],
        speech_s_N=table.speech_s_N[rows_N],
        whole_N=table.whole_N[rows_N],
        clip_N=np.arange(len(table.clips)),
    )
