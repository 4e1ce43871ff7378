"""Audio made for the tests, the same in every run: what webrtcvad takes for speech, and quiet noise.

All of it is int16 at 16 kHz.
"""

import numpy as np

from cmlstream.models.contract import SAMPLE_RATE, Samples

FULL_SCALE = 32_768
FORMANTS = ((650.0, 90.0), (1_300.0, 110.0), (2_500.0, 160.0), (3_500.0, 250.0))
"""Centre and bandwidth in Hz of an open vowel's resonances."""


def speech_like(
    duration_s: float,
    seed: int = 0,
    *,
    level_dbfs: float = -20.0,
    pitch_hz: float = 130.0,
    syllables_per_s: float = 4.0,
) -> Samples:
    """A voice saying nothing: harmonics of a wandering pitch under vowel formants, swelling by syllables."""
    random = np.random.default_rng(seed)
    count = round(duration_s * SAMPLE_RATE)
    time_T = np.arange(count) / SAMPLE_RATE
    pitch_T = pitch_hz * (1 + 0.08 * np.sin(2 * np.pi * 0.7 * time_T + random.uniform(0, 2 * np.pi)))
    phase_T = 2 * np.pi * np.cumsum(pitch_T) / SAMPLE_RATE
    voice_T = np.zeros(count)
    for harmonic in range(1, int(4_000 / pitch_hz)):
        voice_T += _resonance(harmonic * pitch_hz) * np.sin(harmonic * phase_T + random.uniform(0, 2 * np.pi))
    syllable_T = 0.15 + 0.85 * np.sin(np.pi * syllables_per_s * time_T) ** 2
    return _at_level(voice_T * syllable_T, level_dbfs)


def quiet_noise(duration_s: float, seed: int = 0, *, level_dbfs: float = -70.0) -> Samples:
    """White noise."""
    random = np.random.default_rng(seed)
    return _at_level(random.standard_normal(round(duration_s * SAMPLE_RATE)), level_dbfs)


def silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * SAMPLE_RATE), np.int16)


def _resonance(frequency_hz: float) -> float:
    """How strongly a vowel lets this frequency through: a sum of second-order resonances."""
    return sum(1 / np.hypot(1, (frequency_hz - centre) / bandwidth) for centre, bandwidth in FORMANTS)


def _at_level(audio_T: np.ndarray, level_dbfs: float) -> Samples:
    root_mean_square = np.sqrt(np.mean(audio_T**2)) if len(audio_T) else 1.0
    scaled_T = audio_T / root_mean_square * FULL_SCALE * 10 ** (level_dbfs / 20)
    return np.clip(np.round(scaled_T), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
