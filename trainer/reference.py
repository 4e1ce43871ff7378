"""The audio that a model answers before it is written: three invented sounds, the same everywhere.

Shapes: B batch, T samples.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE, Samples


def reference_audio() -> list[Samples]:
    """Gliding harmonics in noise for 3 s, noise alone for 2 s, a pulsing tone for 1 s."""
    generator = np.random.default_rng(20220314)
    seconds_T = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    noise_BT = generator.normal(0, 0.003, (3, len(seconds_T)))
    cycles_T = np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.7 * seconds_T)) / SAMPLE_RATE
    voice_T = sum(np.sin(2 * np.pi * harmonic * cycles_T) / harmonic for harmonic in range(1, 20))
    pulse_T = np.sin(2 * np.pi * 220 * seconds_T) * (np.sin(2 * np.pi * 4 * seconds_T) > 0)
    waveform_BT = noise_BT + np.stack([0.2 * voice_T, 0.0 * seconds_T, 0.3 * pulse_T])
    samples_BT = np.rint(waveform_BT * FULL_SCALE).clip(-32_768, 32_767).astype(np.int16)
    return [samples_T[: (3 - row) * SAMPLE_RATE] for row, samples_T in enumerate(samples_BT)]


def batched(pieces: Sequence[Samples]) -> tuple[Tensor, Tensor]:
    """Pieces of audio as a model takes them: (waveform_BT in [-1, 1), padded with zeros, lengths_B)."""
    waveforms = [torch.from_numpy(piece_T.astype(np.float32) / FULL_SCALE) for piece_T in pieces]
    lengths_B = torch.tensor([len(piece_T) for piece_T in pieces])
    return torch.nn.utils.rnn.pad_sequence(waveforms, batch_first=True), lengths_B
