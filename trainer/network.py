"""The network that is trained, and many of one shape run as one.

Shapes: M members, P parameters of one network, B batch, F features, D latent dimensions, E emotions,
I and O values entering and leaving a layer.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from cmlstream.models.encoder import AffectHead, Autoencoder

from .settings import FitSettings


class Network(nn.Module):
    """What is trained together: the autoencoder and the head on its embedding."""

    def __init__(self, features: int, settings: FitSettings) -> None:
        super().__init__()
        self.autoencoder = Autoencoder(features, settings.encoder)
        self.head = AffectHead(settings.encoder.latent)


class Answers(NamedTuple):
    """What many networks make of their batches."""

    latent_MBD: Tensor
    reconstruction_MBF: Tensor
    logits_MBE: Tensor


def initial_weights(features: int, settings: FitSettings, seed: int) -> Tensor:
    """All parameters of a network as its seed begins it, in one vector."""
    return parameters_to_vector(initial_network(features, settings, seed).parameters()).detach()


def initial_network(features: int, settings: FitSettings, seed: int) -> Network:
    """A network as its seed begins it; global chance is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(features, settings)


class Stack:
    """Runs networks of one shape, whose parameters are the rows of a matrix, in batched layers.

    (Batched matrix products: on one thread some ten times as fast as one network after another.)
    """

    def __init__(self, features: int, settings: FitSettings) -> None:
        self._template = initial_network(features, settings, 0)
        self._shapes = [parameter.shape for parameter in self._template.parameters()]
        self._sizes = [shape.numel() for shape in self._shapes]
        layers = list(self._template.autoencoder.encoder.layers)
        self._silent_share = settings.encoder.dropout
        self.silenced = [
            linear.out_features
            for linear, after in zip(layers, layers[2:], strict=False)
            if isinstance(linear, nn.Linear) and isinstance(after, nn.Dropout)
        ]
        """Widths of the layers that dropout follows."""

    def __call__(self, weights_MP: Tensor, noisy_MBF: Tensor, masks: list[Tensor]) -> Answers:
        """Run every network on its own batch; a mask (scaled, `MBI`) for each layer that dropout follows."""
        weights = (
            piece.view(-1, *shape)
            for piece, shape in zip(weights_MP.split(self._sizes, 1), self._shapes, strict=True)
        )
        autoencoder = self._template.autoencoder
        latent_MBD = _through(autoencoder.encoder.layers, noisy_MBF, weights, iter(masks))
        reconstruction_MBF = _through(autoencoder.decoder, latent_MBD, weights, iter(()))
        logits_MBE = _through(nn.Sequential(self._template.head.emotion), latent_MBD, weights, iter(()))
        return Answers(latent_MBD, reconstruction_MBF, logits_MBE)

    def masks(self, batch: int, generator: torch.Generator) -> list[Tensor]:
        """What dropout multiplies the hidden layers of a batch by, each `BI`."""
        kept = 1 - self._silent_share
        return [(torch.rand((batch, width), generator=generator) < kept) / kept for width in self.silenced]

    def network(self, weights_P: Tensor) -> Network:
        """A network of its own with these parameters, to be judged or exported."""
        network = deepcopy(self._template)
        vector_to_parameters(weights_P.detach().cpu().clone(), network.parameters())
        return network.eval()


def _through(
    layers: nn.Sequential, value_MBI: Tensor, weights: Iterator[Tensor], masks: Iterator[Tensor]
) -> Tensor:
    for layer in layers:
        match layer:
            case nn.Linear():
                weight_MOI, bias_MO = next(weights), next(weights)
                value_MBI = torch.baddbmm(bias_MO[:, None], value_MBI, weight_MOI.mT)
            case nn.ReLU():
                value_MBI = value_MBI.relu()
            case nn.Dropout():
                value_MBI = value_MBI * next(masks)
            case _:
                raise TypeError(f"a stack has no batched form of {type(layer).__name__}")
    return value_MBI
