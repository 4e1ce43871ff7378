"""Features to embedding, activation, valence and emotion: the CML denoising autoencoder and its heads.

Architecture after Das et al., "Continuous Metric Learning For Transferable Speech Emotion Recognition and
Embedding Across Low-resource Languages" (NLDL 2022, arXiv 2203.14867).

Shapes: B batch, F features, D latent dimensions, E emotions.
"""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import torch
from torch import Tensor, nn

from .contract import EMOTIONS
from .errors import ConfigurationError


class EncoderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes of the autoencoder, and the noise its input gets in training."""

    hidden: tuple[int, ...]
    """Widths of the encoder's hidden layers; the decoder mirrors them."""
    latent: int
    """Size of the embedding: even, since its halves carry activation and valence."""
    noise: float = 1.0
    """Standard deviation of the input noise, in standard scores."""
    dropout: float = 0.0
    """Share of each hidden layer silenced in training."""

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        if self.latent < 2 or self.latent % 2:
            raise ValueError(f"`latent` must be an even number from 2 on, not {self.latent}")
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"`hidden` must list positive layer widths, not {list(self.hidden)}")
        if self.noise < 0 or not 0 <= self.dropout < 1:
            raise ValueError("`noise` must not be negative and `dropout` must lie in [0, 1)")


PAPER = EncoderSettings(hidden=(40, 20, 10), latent=2)
"""The published network: 4,612 weights in the encoder, 9,310 in all."""

DEFAULT = EncoderSettings(hidden=(128, 64), latent=16, noise=0.7, dropout=0.3)


def preset(name: str) -> EncoderSettings:
    """Sizes by their name on the command line.

    Raises:
        ConfigurationError: the name is neither `paper` nor `default`.

    """
    match name:
        case "paper":
            return PAPER
        case "default":
            return DEFAULT
    raise ConfigurationError(f"There is no preset `{name}`: choose `paper` or `default`.")


class Encoder(nn.Module):
    """scores_BF -> embedding_BD: linear layers with a ReLU after each but the last."""

    def __init__(self, features: int, settings: EncoderSettings) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        widths = (features, *settings.hidden)
        for entering, leaving in pairwise(widths):
            self.layers.extend([nn.Linear(entering, leaving), nn.ReLU()])
            if settings.dropout:
                self.layers.append(nn.Dropout(settings.dropout))
        self.layers.append(nn.Linear(widths[-1], settings.latent))

    def forward(self, scores_BF: Tensor) -> Tensor:
        """Embed a batch of standard scores."""
        embedding_BD: Tensor = self.layers(scores_BF)
        return embedding_BD


class Autoencoder(nn.Module):
    """The encoder with the decoder that training needs beside it.

    The decoder mirrors the encoder; its only ReLU follows the middle hidden layer, as published.
    """

    def __init__(self, features: int, settings: EncoderSettings) -> None:
        super().__init__()
        self.noise = settings.noise
        self.encoder = Encoder(features, settings)
        self.decoder = _decoder((settings.latent, *reversed(settings.hidden), features))

    def forward(self, scores_BF: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Embed noisy scores: (embedding_BD, reconstruction_BF), the latter to be held against the clean."""
        noise_BF = torch.randn(scores_BF.shape, generator=generator)
        embedding_BD = self.encoder(scores_BF + self.noise * noise_BF)
        return embedding_BD, self.decoder(embedding_BD)


def _decoder(widths: Sequence[int]) -> nn.Sequential:
    linear = [nn.Linear(entering, leaving) for entering, leaving in pairwise(widths)]
    middle = (len(linear) - 1) // 2
    return nn.Sequential(*linear[: middle + 1], nn.ReLU(), *linear[middle + 1 :])


class AffectHead(nn.Module):
    """embedding_BD -> emotion logits, activation and valence.

    The metric loss ties the mean of the latent's first half to activation and that of its second half to
    valence, up to an offset: `scale` and `offset`, fitted after training, map both means to [-1, 1].
    """

    scale_A: Tensor
    offset_A: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.half_size = latent // 2
        self.emotion = nn.Linear(latent, len(EMOTIONS))
        self.register_buffer("scale_A", torch.full((2,), 0.5))
        self.register_buffer("offset_A", torch.zeros(2))

    def forward(self, embedding_BD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read an embedding: (logits_BE, activation_B, valence_B), the last two in [-1, 1]."""
        first_B = embedding_BD[:, : self.half_size].mean(1)
        second_B = embedding_BD[:, self.half_size :].mean(1)
        activation_B = (self.scale_A[0] * first_B + self.offset_A[0]).clamp(-1.0, 1.0)
        valence_B = (self.scale_A[1] * second_B + self.offset_A[1]).clamp(-1.0, 1.0)
        logits_BE: Tensor = self.emotion(embedding_BD)
        return logits_BE, activation_B, valence_B
