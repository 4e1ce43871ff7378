"""Noise made up: coloured, mostly swelling, sometimes in a band, sometimes with the hum of a machine.

Shapes: T samples, K frequencies.
"""

import numpy as np
from scipy.signal import butter, sosfilt

from cmlstream.models.contract import SAMPLE_RATE, Samples

from .music import Sound, at_level

LEVELS_DBFS = (-70.0, -12.0)
KNOT_SAMPLES = SAMPLE_RATE // 4


def noise(duration_s: float, seed: int) -> Samples:
    """A stretch of noise, int16 at 16 kHz: a seed decides colour, swell, band, hum and level."""
    random = np.random.default_rng(seed)
    count = round(duration_s * SAMPLE_RATE)
    sound_T = coloured(count, random.uniform(0, 2.5), random)
    if random.random() < 0.6:
        sound_T = sound_T * _swell(count, random)
    if random.random() < 0.5:
        sound_T = 0.3 * sound_T + _banded(sound_T, random)
    if random.random() < 0.3:
        sound_T = sound_T / sound_T.std() + _hum(count, random)
    return at_level(sound_T, random.uniform(*LEVELS_DBFS))


def coloured(count: int, slope: float, random: np.random.Generator) -> Sound:
    """Noise whose power falls with frequency to this power: 0 white, 1 pink, 2 brown."""
    spectrum_K = np.fft.rfft(random.standard_normal(count))
    frequency_K = np.maximum(np.arange(len(spectrum_K)), 1)
    sound_T = np.fft.irfft(spectrum_K / frequency_K ** (slope / 2), count)
    levelled_T: Sound = sound_T / sound_T.std()
    return levelled_T


def _swell(count: int, random: np.random.Generator) -> Sound:
    knots = np.arange(0, count + KNOT_SAMPLES, KNOT_SAMPLES)
    swell_T: Sound = 1 + 0.9 * np.interp(np.arange(count), knots, random.uniform(-1, 1, len(knots)))
    return swell_T


def _banded(sound_T: Sound, random: np.random.Generator) -> Sound:
    lowest_hz = random.uniform(50, 3_000)
    highest_hz = min(lowest_hz * random.uniform(1.5, 6), 7_900)
    band = butter(2, (lowest_hz, highest_hz), "bandpass", fs=SAMPLE_RATE, output="sos")
    banded_T: Sound = sosfilt(band, sound_T)
    return banded_T


def _hum(count: int, random: np.random.Generator) -> Sound:
    phase_T = 2 * np.pi * random.uniform(40, 200) * np.arange(count) / SAMPLE_RATE
    hum_T: Sound = np.sum([random.uniform(0, 1) * np.sin(part * phase_T) for part in range(1, 8)], 0)
    return hum_T
