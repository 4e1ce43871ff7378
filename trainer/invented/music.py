"""Music made up, to fit novelty with and to measure it: chords, plucked arpeggios, a melody and drums.

It is synthetic throughout: what a model takes for speech in real music, singing above all, it does not show.

Shapes: T samples.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE, Samples

Sound = NDArray[np.float64]

PROGRESSIONS = ((0, 5, 7, 0), (0, 9, 5, 7), (0, 3, 8, 10), (0, 10, 8, 7))
"""Roots in semitones above the key, a bar each."""
MAJOR, MINOR = (0, 4, 7, 12), (0, 3, 7, 12)


def piece(duration_s: float, seed: int, level_dbfs: float = -20.0) -> Samples:
    """A piece of music, int16 at 16 kHz: a seed decides key, tempo, harmony and which parts play."""
    random = np.random.default_rng(seed)
    beat_s = 60 / random.uniform(70, 150)
    key_hz = 110 * 2 ** (random.integers(12) / 12)
    roots = PROGRESSIONS[random.integers(len(PROGRESSIONS))]
    triad = MAJOR if random.random() < 0.5 else MINOR
    parts = random.permutation(np.array([_pad, _arpeggio, _melody, _drums]))[: random.integers(1, 5)]
    mix_T = np.zeros(round(duration_s * SAMPLE_RATE) + 8 * SAMPLE_RATE)
    for bar in range(int(duration_s / (4 * beat_s)) + 1):
        chord_hz = key_hz * 2 ** ((roots[bar % 4] + np.array(triad)) / 12)
        for part in parts:
            sound_T = part(chord_hz, beat_s, random)
            start = round(4 * bar * beat_s * SAMPLE_RATE)
            mix_T[start : start + len(sound_T)] += sound_T[: len(mix_T) - start]
    return at_level(mix_T[: round(duration_s * SAMPLE_RATE)], level_dbfs)


def _pad(chord_hz: Sound, beat_s: float, random: np.random.Generator) -> Sound:
    """A held chord of soft harmonics."""
    time_T = _time(4 * beat_s)
    swell_T = np.minimum(1, np.minimum(time_T, time_T[::-1]) / 0.1)
    voices = [
        np.sin(2 * np.pi * harmonic * pitch_hz * time_T + random.uniform(0, 2 * np.pi)) / harmonic**1.5
        for pitch_hz in chord_hz
        for harmonic in range(1, 7)
    ]
    pad_T: Sound = 0.3 * swell_T * np.sum(voices, 0)
    return pad_T


def _arpeggio(chord_hz: Sound, beat_s: float, random: np.random.Generator) -> Sound:
    """Eighth notes on a plucked string."""
    notes = [2 * chord_hz[number % len(chord_hz)] for number in range(8)]
    return _sequence([(_string(note_hz, 2 * beat_s, random), beat_s / 2) for note_hz in notes])


def _melody(chord_hz: Sound, beat_s: float, random: np.random.Generator) -> Sound:
    """A wind instrument with vibrato, on notes of the chord."""
    notes_hz = 4 * chord_hz[random.integers(len(chord_hz), size=4)]
    return _sequence([(_wind(note_hz, 0.95 * beat_s), beat_s) for note_hz in notes_hz])


def _drums(_: Sound, beat_s: float, random: np.random.Generator) -> Sound:
    """Bass drum and snare in turn, a hi-hat on every eighth."""
    beats = [_bass_drum() if beat % 2 == 0 else _noise_burst(0.15, 0.02, random) for beat in range(4)]
    hats = [_noise_burst(0.05, 0.9, random) for _ in range(8)]
    slow_T = _sequence([(2 * sound_T, beat_s) for sound_T in beats])
    fast_T = _sequence([(0.5 * sound_T, beat_s / 2) for sound_T in hats])
    length = max(len(slow_T), len(fast_T))
    return np.pad(slow_T, (0, length - len(slow_T))) + np.pad(fast_T, (0, length - len(fast_T)))


def _sequence(sounds: list[tuple[Sound, float]]) -> Sound:
    """Sounds one after another, each with its time to the next; they may ring on."""
    starts = np.concatenate([[0.0], np.cumsum([step_s for _, step_s in sounds])])
    places = [round(start_s * SAMPLE_RATE) for start_s in starts]
    mix_T = np.zeros(max(place + len(sound_T) for place, (sound_T, _) in zip(places, sounds, strict=False)))
    for place, (sound_T, _) in zip(places, sounds, strict=False):
        mix_T[place : place + len(sound_T)] += sound_T
    return mix_T


def _string(pitch_hz: float, duration_s: float, random: np.random.Generator) -> Sound:
    """A plucked string: noise that goes round in a smoothing delay line (Karplus and Strong 1983)."""
    period = max(2, round(SAMPLE_RATE / pitch_hz))
    pluck_T = np.zeros(round(duration_s * SAMPLE_RATE))
    pluck_T[:period] = random.uniform(-1, 1, period)
    feedback = np.zeros(period + 2)
    feedback[0], feedback[period], feedback[period + 1] = 1, -0.498, -0.498
    string_T: Sound = lfilter([1.0], feedback, pluck_T)
    return string_T


def _wind(pitch_hz: float, duration_s: float) -> Sound:
    time_T = _time(duration_s)
    phase_T = 2 * np.pi * pitch_hz * time_T - 0.006 * pitch_hz * np.cos(2 * np.pi * 5.5 * time_T) / 5.5
    swell_T = np.minimum(1, np.minimum(time_T, time_T[::-1]) / 0.04)
    wind_T: Sound = np.sin(phase_T) + 0.4 * np.sin(2 * phase_T) + 0.2 * np.sin(3 * phase_T)
    return 0.6 * swell_T * wind_T


def _bass_drum() -> Sound:
    time_T = _time(0.25)
    drum_T: Sound = np.sin(2 * np.pi * (50 * time_T - 4 * np.exp(-30 * time_T))) * np.exp(-12 * time_T)
    return drum_T


def _noise_burst(duration_s: float, brightness: float, random: np.random.Generator) -> Sound:
    """Decaying noise; brightness 1 keeps only what changes from sample to sample."""
    time_T = _time(duration_s)
    noise_T: Sound = lfilter([1.0, -brightness], [1.0], random.standard_normal(len(time_T)))
    return 0.5 * noise_T * np.exp(-5 * time_T / duration_s)


def _time(duration_s: float) -> Sound:
    return np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE


def at_level(sound_T: Sound, level_dbfs: float) -> Samples:
    """Sound as int16 with this root mean square."""
    scaled_T = sound_T / np.sqrt(np.mean(np.square(sound_T))) * FULL_SCALE * 10 ** (level_dbfs / 20)
    samples_T: Samples = np.clip(np.round(scaled_T), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return samples_T
