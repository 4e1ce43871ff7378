"""What a model makes of the clips of a table: the evaluation, and each clip's place in its latent space.

Shapes: N clips, F features, D latent dimensions.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from cmlstream.models.archive import Archive
from cmlstream.models.inference import inference
from cmlstream.trainer.breakdown import Evaluation, evaluate
from cmlstream.trainer.evaluation import longest_regions
from cmlstream.trainer.intervals import Bootstrap
from cmlstream.trainer.manifest import Clip
from cmlstream.trainer.table import FeatureTable, Normalisation, Scores, normalise

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A model beside the clips that it is shown on, each of which its longest region stands for."""

    archive: Archive
    clips: tuple[Clip, ...]
    evaluation: Evaluation
    bootstrap: Bootstrap
    scores_NF: Scores
    first_half_N: Vector
    """Mean of the latent's first half, which the metric loss ties to activation."""
    second_half_N: Vector
    """Mean of its second half, tied to valence."""

    @property
    def activation_N(self) -> Vector:
        """Labels on the scale 1..5, NaN where there is none."""
        return np.array([clip.activation for clip in self.clips])

    @property
    def valence_N(self) -> Vector:
        """As `activation_N`."""
        return np.array([clip.valence for clip in self.clips])

    @property
    def corpus_N(self) -> NDArray[np.str_]:
        """The corpus of each clip."""
        return np.array([clip.corpus for clip in self.clips])


def answers_of(
    archive: Archive, table: FeatureTable, normalisation: Normalisation, bootstrap: Bootstrap
) -> Answers:
    """Evaluate a model as `cmlstream-train evaluate` does, and embed every clip."""
    evaluation = evaluate(archive, table, normalisation, bootstrap)
    scores_NF = normalise(table, archive.prior, normalisation, bootstrap.seed)[longest_regions(table)]
    scores_BF = torch.from_numpy(scores_NF)
    with inference():
        # Scores against a baseline of zero and one are what they were.
        outputs = archive.script.estimate(scores_BF, torch.zeros_like(scores_BF), torch.ones_like(scores_BF))
    embedding_ND = outputs.embedding_BD.double().numpy()
    half = embedding_ND.shape[1] // 2
    return Answers(
        archive=archive,
        clips=table.clips,
        evaluation=evaluation,
        bootstrap=bootstrap,
        scores_NF=scores_NF,
        first_half_N=embedding_ND[:, :half].mean(1),
        second_half_N=embedding_ND[:, half:].mean(1),
    )
