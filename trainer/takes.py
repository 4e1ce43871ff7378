"""Further takes of a corpus: its clips as other rooms, lines, microphones and speakers would give them.

A model that trains on them beside the recordings is less taken in by how a corpus was recorded. What a take
does to a clip is decided by the clip's content, so it is the same in every run.

Shapes: T samples, R samples of a room's response.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from .changes import Waveform, gain, reverberated, room_response, speed, telephone, waveform_of, with_noise
from .conditions import Condition
from .invented.noise import noise
from .manifest import Clip

SPEEDS = (0.92, 1.08)
"""Tempo, pitch and formants together: other speakers more than other moods."""
T60_S = (0.15, 0.6)
DIRECT_DB = (0.0, 15.0)
NOISE_RATIOS_DB = (8.0, 30.0)
GAINS_DB = (-10.0, 6.0)

SPEED_SHARE, ROOM_SHARE, TELEPHONE_SHARE, NOISE_SHARE = 0.35, 0.3, 0.2, 0.5
"""How many clips each change is made to, independently; the gain is changed in all."""

NOISE_S = 5.0
"""The noise is invented: recorded noise is left to measure by, and comes under terms of its own."""


def take(number: int) -> Condition:
    """The condition of a take."""
    return Condition(f"take {number}", partial(_take, number))


def in_take(clip: Clip, number: int) -> Clip:
    """A clip as one of a take: its speaker is a stream of its own, with a baseline of its own."""
    return replace(clip, speaker=f"{clip.speaker} (take {number})")


def _take(number: int, waveform_T: Waveform, generator: np.random.Generator) -> Waveform:
    random = generator.spawn(number)[-1]
    if random.random() < SPEED_SHARE:
        waveform_T = speed(waveform_T, random.uniform(*SPEEDS))
    if random.random() < ROOM_SHARE:
        response_R = room_response(random.uniform(*T60_S), random.uniform(*DIRECT_DB), random)
        waveform_T = reverberated(waveform_T, response_R)
    if random.random() < TELEPHONE_SHARE:
        waveform_T = telephone(waveform_T)
    if random.random() < NOISE_SHARE:
        noise_T = waveform_of(noise(NOISE_S, int(random.integers(2**31))))
        waveform_T = with_noise(waveform_T, noise_T, random.uniform(*NOISE_RATIOS_DB), random)
    return gain(waveform_T, random.uniform(*GAINS_DB))
