"""The conditions that a model has to bear: each a change to the audio, made the same way in every run.

Shapes: T samples, N samples of noise.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from cmlstream.models.contract import Samples
from cmlstream.models.errors import ConfigurationError

from .changes import (
    Waveform,
    gain,
    reverberated,
    room_response,
    samples_of,
    telephone,
    waveform_of,
    with_noise,
)
from .pieces import read_clip

Change = Callable[[Waveform, np.random.Generator], Waveform]

GAINS_DB = (-30, -10, -6, 6, 12)
NOISE_RATIOS_DB = (20, 10, 5)

ROOM_T60_S = 0.5
ROOM_DIRECT_DB = 0.0
"""A living room, two steps from the microphone: as much energy straight from the mouth as from the walls."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A change by its name; `material` tells apart changes of one name made with other recordings."""

    name: str
    change: Change
    material: str = ""

    def made_of(self, samples_T: Samples, seed: int) -> Samples:
        """A recording under this condition."""
        return samples_of(self.change(waveform_of(samples_T), np.random.default_rng(seed)))


def seed_of(path: Path) -> int:
    """A seed from a file's content, by which a clip is changed in the same way wherever it lies."""
    return int.from_bytes(hashlib.sha256(path.read_bytes()).digest()[:8])


def _unchanged(waveform_T: Waveform, _: np.random.Generator) -> Waveform:
    return waveform_T


def _gain(decibels: float, waveform_T: Waveform, _: np.random.Generator) -> Waveform:
    return gain(waveform_T, decibels)


def _telephone(waveform_T: Waveform, _: np.random.Generator) -> Waveform:
    return telephone(waveform_T)


def _room(waveform_T: Waveform, generator: np.random.Generator) -> Waveform:
    return reverberated(waveform_T, room_response(ROOM_T60_S, ROOM_DIRECT_DB, generator))


def _noisy(
    recordings: Sequence[Path], ratio_db: float, waveform_T: Waveform, generator: np.random.Generator
) -> Waveform:
    noise_N = _read_noise(recordings[int(generator.integers(len(recordings)))])
    return with_noise(waveform_T, noise_N, ratio_db, generator)


CLEAN = Condition("clean", _unchanged)
TELEPHONE = Condition("telephone", _telephone)
ROOM = Condition(f"room, T60 {ROOM_T60_S} s", _room)


def gain_of(decibels: int) -> Condition:
    """The microphone turned up or down, with int16 clipping at its end."""
    return Condition(f"gain {decibels:+d} dB", partial(_gain, decibels))


def noise_of(ratio_db: int, recordings: Sequence[Path]) -> Condition:
    """Each clip in one of the recordings of noise, this far below its active speech level."""
    content = hashlib.sha256(b"".join(path.read_bytes() for path in recordings)).hexdigest()
    return Condition(f"noise {ratio_db} dB", partial(_noisy, tuple(recordings), ratio_db), content)


def every_condition(recordings: Sequence[Path]) -> list[Condition]:
    """All changes that a model is measured under; without recordings of noise, all others."""
    noises = [noise_of(ratio_db, recordings) for ratio_db in NOISE_RATIOS_DB] if recordings else []
    return [*(gain_of(decibels) for decibels in GAINS_DB), *noises, TELEPHONE, ROOM]


def recordings_in(folder: Path) -> list[Path]:
    """The FLAC and WAV files of a folder.

    Raises:
        ConfigurationError: there are none.

    """
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".flac", ".wav"))
    if not found:
        raise ConfigurationError(
            f"{folder} holds no recordings of noise: name a folder of FLAC or WAV files."
        )
    return found


@cache
def _read_noise(path: Path) -> Waveform:
    return waveform_of(read_clip(path))
