"""What training and serving must agree on: rates, windows, names, the estimate and the model's card.

Positions are sample indices at 16 kHz counted from the start of a stream; durations in seconds carry `_s`.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Hz, of all audio after the door."""

FULL_SCALE = 32_768
"""int16 steps in an amplitude of 1."""

FRAME_STEP_SAMPLES = 160
"""One frame of descriptors every 10 ms."""

EMOTIONS = ("anger", "happiness", "neutral", "sadness")
"""The classes every corpus shares, in the order of the head's outputs."""

REGION_MINIMUM_SAMPLES = SAMPLE_RATE // 2
"""Shorter regions get no estimate: below half a second the features say too little."""

ARCHIVE_FORMAT = 2
"""Version of what an archive holds and how it is called; another number is refused at loading."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What the model says of one window or region.

    `activation` and `valence` lie in [-1, 1]: (label - 3) / 2 of the 1..5 scale. `emotion` holds one
    probability per name in `EMOTIONS`. `confidence` is the calibrated probability that the likeliest
    emotion is right; `novelty` in [0, 1] says how far the features lie from those of training.
    `features_F` are the 88 raw functionals, `scores_F` the same as standard scores against the baseline.
    """

    activation: float
    valence: float
    emotion: tuple[float, ...]
    embedding_D: NDArray[np.float32]
    confidence: float
    novelty: float
    features_F: NDArray[np.float32]
    scores_F: NDArray[np.float32]


class CorpusCard(msgspec.Struct, frozen=True):
    """One corpus a model was trained on, and the terms it came under."""

    name: str
    language: str
    clips: int
    speech_s: float
    terms: str


class ModelCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an archive says of itself: enough to run it, to cite it and to know its limits."""

    format: int
    name: str
    version: str
    created: str
    licence: str
    description: str
    limits: str
    sample_rate: int
    window_s: float
    hop_ms: int
    feature_set: str
    feature_names: tuple[str, ...]
    emotions: tuple[str, ...]
    embedding_size: int
    label_scale: str
    parameters: int
    corpora: tuple[CorpusCard, ...]
    metrics: dict[str, float]
    """Figure by name, each measured by the trainer on clips the model never saw."""
    recipe: str
    """The command that makes this archive again."""
