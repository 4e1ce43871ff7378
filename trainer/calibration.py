"""Constants fitted after training: scale and offset of activation and valence, temperature.

Shapes: N clips or rows, D latent dimensions, E emotions.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from cmlstream.models.encoder import AffectHead

from .evaluation import Predictions, Vector, published_scale
from .network import Network
from .training import TrainingSet

TEMPERATURES = np.geomspace(0.2, 5.0, 200)


def fit_readout(network: Network, data: TrainingSet) -> None:
    """Set the head's scale and offset by least squares over all training rows, in every draw.

    A half of the latent whose dimension has no label anywhere keeps what it has.
    """
    table, half = data.table, network.head.half_size
    clip_N = torch.from_numpy(table.clip_N)
    with torch.inference_mode():
        embedding_KND = network.autoencoder.encoder(data.scores_KNF)
    for side, (half_KND, label_N) in enumerate(
        (
            (embedding_KND[..., :half], data.targets.activation_B),
            (embedding_KND[..., half:], data.targets.valence_B),
        )
    ):
        mean_KN = half_KND.mean(-1).double().numpy()
        label_KN = np.broadcast_to(label_N[clip_N].numpy(), mean_KN.shape)
        line = _line(mean_KN.ravel(), published_scale(label_KN.ravel()))
        if line is not None:
            _set(network.head, side, *line)


def temperature_of(predictions: Predictions, truth_N: NDArray[np.intp]) -> float:
    """The temperature under which these held-out answers are likeliest (Guo et al., ICML 2017).

    `truth_N` holds class numbers, -1 where the class is not one of the head's.
    """
    known_N = np.flatnonzero(truth_N >= 0)
    losses = []
    for temperature in TEMPERATURES:
        emotion_NE = predictions.cooled(temperature).emotion_NE
        losses.append(-np.log(emotion_NE[known_N, truth_N[known_N]].clip(1e-12)).mean())
    return float(TEMPERATURES[int(np.argmin(losses))])


def _line(mean_N: Vector, label_N: Vector) -> tuple[float, float] | None:
    known_N = ~np.isnan(label_N)
    mean_N, label_N = mean_N[known_N], label_N[known_N]
    if len(mean_N) < 2 or mean_N.std() == 0:
        return None
    scale, offset = np.polyfit(mean_N, label_N, 1)
    return float(scale), float(offset)


def _set(head: AffectHead, side: int, scale: float, offset: float) -> None:
    with torch.no_grad():
        head.scale_A[side] = scale
        head.offset_A[side] = offset
