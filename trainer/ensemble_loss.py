"""The loss of many members at once, each with a variant of its own.

Shapes: A members that train now, B batch, F features, E emotions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .losses import Targets, continuous_metric_loss, metric_of
from .network import Answers
from .settings import LossSettings


class Terms(NamedTuple):
    """What a step costs each member."""

    loss_A: Tensor
    reconstruction_A: Tensor
    metric_A: Tensor


class EnsembleLoss:
    """log(MSE + metric) + emotion_weight * cross entropy of each member; the clips that are there count."""

    def __init__(self, settings: Sequence[LossSettings], device: torch.device) -> None:
        variants = [loss.variant for loss in settings]
        self._plain_A = torch.tensor([variant == "none" for variant in variants], device=device)
        self._metrics = [
            (
                metric_of(variant),
                torch.tensor(
                    [place for place, other in enumerate(variants) if other == variant], device=device
                ),
            )
            for variant in dict.fromkeys(variants)
            if variant != "none"
        ]
        self._classifies = any(loss.emotion_weight for loss in settings)
        self._emotion_weight_A = torch.tensor([loss.emotion_weight for loss in settings], device=device)
        self._smoothing_A = torch.tensor([loss.label_smoothing for loss in settings], device=device)

    def __call__(self, answers: Answers, clean_ABF: Tensor, known: Targets, present_AB: Tensor) -> Terms:
        """The terms of every member; `known` and `present_AB` are of its own batch."""
        error_AB = (answers.reconstruction_MBF - clean_ABF).square().mean(2)
        error_A = (error_AB * present_AB).sum(1) / present_AB.sum(1)
        metric_A = self._metric(answers.latent_MBD, known)
        loss_A = continuous_metric_loss(error_A, metric_A, self._plain_A)
        if self._classifies:
            loss_A = loss_A + self._emotion_weight_A * self._entropy(answers.logits_MBE, known.emotion_B)
        return Terms(loss_A, error_A, metric_A)

    def _metric(self, latent_ABD: Tensor, known: Targets) -> Tensor:
        metric_A = latent_ABD.new_zeros(len(latent_ABD))
        for metric, places in self._metrics:
            metric_A = metric_A.index_copy(0, places, metric(latent_ABD[places], known.at(places)))
        return metric_A

    def _entropy(self, logits_ABE: Tensor, emotion_AB: Tensor) -> Tensor:
        """Smoothed cross entropy, as a mean over the clips of a known class; 0 where there are none."""
        surprise_ABE = -logits_ABE.log_softmax(2)
        named_AB = emotion_AB >= 0
        right_AB = surprise_ABE.gather(2, emotion_AB.clamp(min=0)[..., None])[..., 0]
        smoothing_A1 = self._smoothing_A[:, None]
        entropy_AB = (1 - smoothing_A1) * right_AB + smoothing_A1 * surprise_ABE.mean(2)
        return (entropy_AB * named_AB).sum(1) / named_AB.sum(1).clamp(min=1)
