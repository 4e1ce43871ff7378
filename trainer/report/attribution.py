"""What each feature adds to each output of a model, by integrated gradients.

The output at a clip's standard scores s differs from the output at scores of zero, which is the average of
the speaker or of the prior. The difference is shared out among the features:

    share_f = s_f * mean over k of d output / d score_f at (k - 1/2) / STEPS * s,   k = 1 .. STEPS

and the shares of all features add up to it (Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep
Networks", ICML 2017).

Shapes: N clips, B clips of a batch, F features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmlstream.models.affect import AffectModel, Outputs
from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer.table import Scores

Vector = NDArray[np.float64]

STEPS = 24
MOST_CLIPS = 1500
"""More change the means by less than a per cent."""


@dataclass(frozen=True, slots=True)
class Output:
    """A number that the model gives of a clip."""

    name: str
    read: Callable[[Outputs], Tensor]


def _probability(number: int) -> Callable[[Outputs], Tensor]:
    return lambda outputs: outputs.emotion_BE[:, number]


OUTPUTS = (
    Output("activation", lambda outputs: outputs.activation_B),
    Output("valence", lambda outputs: outputs.valence_B),
    *(Output(emotion, _probability(number)) for number, emotion in enumerate(EMOTIONS)),
)


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """What the features add to one output."""

    output: str
    shares_NF: Vector
    scores_NF: Scores

    @property
    def weight_F(self) -> Vector:
        """Mean over clips of how far a feature moves the output, in units of the output."""
        return np.asarray(np.abs(self.shares_NF).mean(0))

    @property
    def direction_F(self) -> Vector:
        """Correlation of a feature's score with what it adds: 1 where more gives more, -1 where less."""
        scores_NF = self.scores_NF - self.scores_NF.mean(0, dtype=np.float64)
        shares_NF = self.shares_NF - self.shares_NF.mean(0)
        product_F = (scores_NF * shares_NF).sum(0)
        scale_F = np.sqrt((scores_NF**2).sum(0) * (shares_NF**2).sum(0))
        return np.asarray(np.divide(product_F, scale_F, out=np.zeros(len(scale_F)), where=scale_F > 0))


def attributions(model: AffectModel | torch.jit.ScriptModule, scores_NF: Scores) -> list[Attribution]:
    """The shares of every output, over all clips or as many, evenly spread, as suffice."""
    rows = np.unique(np.linspace(0, len(scores_NF) - 1, MOST_CLIPS).round().astype(int))
    chosen_NF = scores_NF[rows]
    scores_BF = torch.from_numpy(chosen_NF)
    sums = [torch.zeros(scores_BF.shape, dtype=torch.float64) for _ in OUTPUTS]
    for step in range(STEPS):
        point_BF = (scores_BF * ((step + 0.5) / STEPS)).requires_grad_()
        outputs = model.estimate(point_BF, torch.zeros_like(point_BF), torch.ones_like(point_BF))
        for number, output in enumerate(OUTPUTS):
            (gradient_BF,) = torch.autograd.grad(output.read(outputs).sum(), point_BF, retain_graph=True)
            sums[number] += gradient_BF / STEPS
    return [
        Attribution(output.name, (scores_BF * mean_BF).numpy(), chosen_NF)
        for output, mean_BF in zip(OUTPUTS, sums, strict=True)
    ]
