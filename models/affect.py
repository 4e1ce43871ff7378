"""The whole model, waveform to affect, as one module that can be scripted.

Shapes: B batch, T samples, F features, D latent dimensions, E emotions.
"""

from typing import NamedTuple

import msgspec
import torch
from torch import Tensor, nn

from .baseline import SCORE_LIMIT, FeaturePrior
from .encoder import AffectHead, Encoder


class Outputs(NamedTuple):
    """What a scripted archive returns, one row per waveform."""

    activation_B: Tensor
    valence_B: Tensor
    emotion_BE: Tensor
    embedding_BD: Tensor
    confidence_B: Tensor
    novelty_B: Tensor
    features_BF: Tensor
    scores_BF: Tensor


NOVELTY_LIMIT = 5.0
"""Standard scores beyond this say no more about novelty: in speech, too, some functionals blow up."""


class Calibration(msgspec.Struct, frozen=True):
    """Constants fitted after training: the temperature on clips held back, novelty against other sounds."""

    temperature: float = 1.0
    """Divides the emotion logits, so that a probability is the share of times it proves right."""
    novelty_linear_F: tuple[float, ...] = ()
    novelty_square_F: tuple[float, ...] = ()
    novelty_offset: float = 0.0
    """novelty = logistic(sum_F linear c + square c^2 + offset), c the standard scores clamped to the limit.

    Without coefficients it is the same for every sound.
    """


class AffectModel(nn.Module):
    """Waveform to affect: front end, normaliser, encoder and heads in one scriptable module."""

    mean_F: Tensor
    deviation_F: Tensor
    novelty_linear_F: Tensor
    novelty_square_F: Tensor

    def __init__(
        self,
        front_end: nn.Module,
        prior: FeaturePrior,
        encoder: Encoder,
        head: AffectHead,
        calibration: Calibration,
    ) -> None:
        super().__init__()
        self.front_end = front_end
        self.encoder = encoder
        self.head = head
        self.score_limit = SCORE_LIMIT
        self.temperature = calibration.temperature
        self.novelty_limit = NOVELTY_LIMIT
        self.novelty_offset = calibration.novelty_offset
        for name, coefficients_F in (
            ("novelty_linear_F", calibration.novelty_linear_F),
            ("novelty_square_F", calibration.novelty_square_F),
        ):
            told_F = torch.tensor(coefficients_F) if coefficients_F else torch.zeros(len(prior.mean_F))
            self.register_buffer(name, told_F.float())
        self.register_buffer("mean_F", torch.from_numpy(prior.mean_F).float())
        self.register_buffer("deviation_F", torch.from_numpy(prior.deviation_F).float())

    def forward(self, waveform_BT: Tensor, lengths_B: Tensor) -> Outputs:
        """Affect of each waveform (float32 in [-1, 1), 16 kHz, padded to the longest) against the prior."""
        features_BF = self.features(waveform_BT, lengths_B)
        rows = features_BF.shape[0]
        return self.estimate(
            features_BF,
            self.mean_F.unsqueeze(0).repeat(rows, 1),
            self.deviation_F.unsqueeze(0).repeat(rows, 1),
        )

    @torch.jit.export
    def features(self, waveform_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """The functionals of each waveform's first `lengths_B` samples, under the card's feature names."""
        features_BF: Tensor = self.front_end(waveform_BT, lengths_B)
        return features_BF

    @torch.jit.export
    def estimate(self, features_BF: Tensor, mean_BF: Tensor, deviation_BF: Tensor) -> Outputs:
        """Affect from functionals, each row against a baseline of its own."""
        raw_BF = (features_BF - mean_BF) / deviation_BF
        scores_BF = torch.nan_to_num(raw_BF, 0.0, self.score_limit, -self.score_limit).clamp(
            -self.score_limit, self.score_limit
        )
        embedding_BD = self.encoder(scores_BF)
        logits_BE, activation_B, valence_B = self.head(embedding_BD)
        emotion_BE = torch.softmax(logits_BE / self.temperature, 1)
        near_BF = scores_BF.clamp(-self.novelty_limit, self.novelty_limit)
        strange_B = near_BF @ self.novelty_linear_F + near_BF.square() @ self.novelty_square_F
        novelty_B = torch.sigmoid(strange_B + self.novelty_offset)
        return Outputs(
            activation_B,
            valence_B,
            emotion_BE,
            embedding_BD,
            emotion_BE.amax(1),
            novelty_B,
            features_BF,
            scores_BF,
        )


def prior_of(model: AffectModel | torch.jit.ScriptModule) -> FeaturePrior:
    """The baseline that a model's streams start from."""
    return FeaturePrior(model.mean_F.cpu().numpy(), model.deviation_F.cpu().numpy())
