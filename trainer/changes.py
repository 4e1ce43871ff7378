"""What rooms, microphones and lines do to a voice: changes to audio, to train with and to measure under.

Everything takes and returns float32 at 16 kHz, mono, with an amplitude of 1 at full scale and beyond;
`samples_of` makes int16 of it, with clipping, at the end of every chain. The same state of the generator
gives the same audio.

Shapes: T samples, N samples of noise, R samples of a room's response.
"""

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, oaconvolve, sosfilt

from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE, Samples

Waveform = NDArray[np.float32]

LEVEL_FRAME_SAMPLES = SAMPLE_RATE // 50
ACTIVITY_MARGIN_DB = 15.9
"""Frames that lie further below the active level are pauses (ITU-T P.56, method B)."""

TELEPHONE_RATE = 8_000
TELEPHONE_BAND_HZ = (300.0, 3_400.0)
MU = 255
"""Of the companding that ITU-T G.711 approximates by segments."""

SILENCE = 1e-9
"""Amplitude below which there is nothing to scale: far under one step of int16."""


def waveform_of(samples_T: Samples) -> Waveform:
    """int16 as amplitudes."""
    waveform_T: Waveform = samples_T.astype(np.float32) / np.float32(FULL_SCALE)
    return waveform_T


def samples_of(waveform_T: Waveform) -> Samples:
    """Amplitudes as int16; what lies beyond full scale is clipped."""
    steps_T: Samples = np.rint(waveform_T * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return steps_T


def gain(waveform_T: Waveform, decibels: float) -> Waveform:
    """A microphone turned up or down."""
    return waveform_T * np.float32(_amplitude(decibels))


def active_level(waveform_T: Waveform) -> float:
    """Root mean square of the speech in a recording, pauses left out.

    Frames of 20 ms count from 15.9 dB below the level that they have together: the fixed point that ITU-T
    P.56, method B finds on an envelope.
    """
    whole = len(waveform_T) // LEVEL_FRAME_SAMPLES * LEVEL_FRAME_SAMPLES
    if not whole:
        return _root_mean_square(waveform_T)
    powers = np.square(waveform_T[:whole], dtype=np.float64).reshape(-1, LEVEL_FRAME_SAMPLES).mean(1)
    level, below = powers.mean(), -1.0
    while level > below:
        below, level = level, powers[powers >= level * _amplitude(-ACTIVITY_MARGIN_DB) ** 2].mean()
    return float(np.sqrt(level))


def with_noise(
    waveform_T: Waveform, noise_N: Waveform, ratio_db: float, generator: np.random.Generator
) -> Waveform:
    """A voice in a noisy place: `ratio_db` is the active speech level above the noise's.

    The noise begins anywhere in its recording and goes round in it as long as the voice lasts.
    """
    heard_T = np.resize(np.roll(noise_N, -int(generator.integers(len(noise_N)))), len(waveform_T))
    level = active_level(waveform_T) * _amplitude(-ratio_db)
    scaled_T: Waveform = waveform_T + heard_T * np.float32(level / max(_root_mean_square(noise_N), SILENCE))
    return scaled_T


def telephone(waveform_T: Waveform) -> Waveform:
    """A voice through a telephone line: 8 kHz, 300 to 3400 Hz, eight bits on the mu-law curve."""
    line_T = soxr.resample(waveform_T, SAMPLE_RATE, TELEPHONE_RATE)
    band = butter(4, TELEPHONE_BAND_HZ, "bandpass", fs=TELEPHONE_RATE, output="sos")
    companded_T = _companded(sosfilt(band, line_T).astype(np.float32))
    return _of_length(soxr.resample(companded_T, TELEPHONE_RATE, SAMPLE_RATE), len(waveform_T))


def room_response(t60_s: float, direct_db: float, generator: np.random.Generator) -> Waveform:
    """A room's response: the direct sound, then noise that has sunk by 60 dB after `t60_s`.

    `direct_db` is the energy of the direct sound above that of all that follows; together they are one.
    """
    time_R = np.arange(1, round(t60_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail_R = generator.standard_normal(len(time_R)) * 10 ** (-3 * time_R / t60_s)
    tail_R *= _amplitude(-direct_db) / np.sqrt(np.square(tail_R).sum())
    response_R = np.concatenate([[1.0], tail_R])
    normed_R: Waveform = (response_R / np.sqrt(np.square(response_R).sum())).astype(np.float32)
    return normed_R


def reverberated(waveform_T: Waveform, response_R: Waveform) -> Waveform:
    """A voice in a room; what sounds on after the recording's end is lost."""
    room_T: Waveform = oaconvolve(waveform_T, response_R)[: len(waveform_T)].astype(np.float32)
    return room_T


def speed(waveform_T: Waveform, factor: float) -> Waveform:
    """A recording played faster or slower: tempo, pitch and formants go together."""
    faster_T: Waveform = soxr.resample(waveform_T, SAMPLE_RATE * factor, SAMPLE_RATE)
    return faster_T


def _companded(waveform_T: Waveform) -> Waveform:
    """Through eight bits: sign and 127 steps of log(1 + mu |x|) / log(1 + mu)."""
    curve_T = np.log1p(MU * np.abs(waveform_T).clip(0, 1)) / np.log1p(MU)
    steps_T = np.rint(curve_T * 127) / 127
    line_T: Waveform = (np.sign(waveform_T) * np.expm1(steps_T * np.log1p(MU)) / MU).astype(np.float32)
    return line_T


def _of_length(waveform_T: Waveform, length: int) -> Waveform:
    return np.pad(waveform_T, (0, max(length - len(waveform_T), 0)))[:length]


def _amplitude(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _root_mean_square(waveform_T: Waveform) -> float:
    return float(np.sqrt(np.square(waveform_T, dtype=np.float64).mean())) if len(waveform_T) else 0.0
