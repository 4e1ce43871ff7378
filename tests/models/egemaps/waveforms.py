"""Waveforms that try the front end, float32 in [-1, 1) at 16 kHz, and batches of them."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE
from tests.signals import speech_like

Audio = NDArray[np.float64]


def voice(samples: int, seed: int = 0, pitch_hz: float = 130.0) -> Audio:
    return speech_like(samples / SAMPLE_RATE, seed, pitch_hz=pitch_hz)[:samples] / FULL_SCALE


def tone(hertz: float, samples: int) -> Audio:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(samples) / SAMPLE_RATE)


def buzz(hertz: float, samples: int) -> Audio:
    """What a larynx alone would sound like."""
    return 0.8 * np.exp(-8.0 * (np.arange(samples) * hertz / SAMPLE_RATE % 1.0))


def _any_voice(random: np.random.Generator, samples: int) -> Audio:
    return voice(samples, int(random.integers(1000)), random.uniform(70, 350))


def _any_tone(random: np.random.Generator, samples: int) -> Audio:
    return tone(random.uniform(60, 900), samples)


def _square_wave(random: np.random.Generator, samples: int) -> Audio:
    return np.where(np.arange(samples) // random.integers(10, 140) % 2, -0.7, 0.7)


def _saw(random: np.random.Generator, samples: int) -> Audio:
    return np.arange(samples) % (period := random.integers(20, 280)) / period - 0.5


def _pulses(random: np.random.Generator, samples: int) -> Audio:
    return 0.75 * (np.arange(samples) % random.integers(20, 280) == 0)


def _clicks(random: np.random.Generator, samples: int) -> Audio:
    return 0.75 * (random.random(samples) < 0.001)


def _tone_behind_silence(random: np.random.Generator, samples: int) -> Audio:
    return _any_tone(random, samples) * (np.arange(samples) >= samples // 2)


def _silence_behind_tone(random: np.random.Generator, samples: int) -> Audio:
    return _any_tone(random, samples) * (np.arange(samples) < samples // 2)


def _clipped_voice(random: np.random.Generator, samples: int) -> Audio:
    return np.clip(20 * _any_voice(random, samples), -1, 1)


def _voice_with_missing_samples(random: np.random.Generator, samples: int) -> Audio:
    audio = _any_voice(random, samples)
    audio[random.random(samples) < 0.001] = np.nan
    audio[random.random(samples) < 0.001] = random.choice([np.inf, -np.inf])
    return audio


def _held_voice(random: np.random.Generator, samples: int) -> Audio:
    """A voice with an offset; some values are held for up to 40 ms, as where a packet is lost."""
    audio = 0.4 + 0.5 * _any_voice(random, samples)
    for first in range(random.integers(2000), samples, 3000):
        audio[first : first + random.integers(200, 640)] = audio[first]
    return audio


WAVEFORMS: dict[str, Callable[[np.random.Generator, int], Audio]] = {
    "voice": _any_voice,
    "noise": lambda random, samples: random.normal(0, 0.1, samples),
    "silence": lambda _, samples: np.zeros(samples),
    "constant": lambda random, samples: np.full(samples, random.uniform(-1, 1)),
    "tone": _any_tone,
    "tone on which the paths never agree": lambda _, samples: tone(950, samples),
    "buzz": lambda random, samples: buzz(random.uniform(55, 100), samples),
    "square wave": _square_wave,
    "saw": _saw,
    "pulses": _pulses,
    "clicks": _clicks,
    "tone behind silence": _tone_behind_silence,
    "silence behind tone": _silence_behind_tone,
    "clipped voice": _clipped_voice,
    "voice with missing samples": _voice_with_missing_samples,
    "held voice": _held_voice,
}


def tensor(audio: Audio) -> torch.Tensor:
    return torch.from_numpy(audio.astype(np.float32))


def make(name: str, seed: int, samples: int) -> torch.Tensor:
    """One of `WAVEFORMS`, [T]."""
    return tensor(WAVEFORMS[name](np.random.default_rng(seed), samples))


def voices(*durations_s: float) -> list[torch.Tensor]:
    """Voices of different pitch."""
    return [
        tensor(voice(round(duration_s * SAMPLE_RATE), seed, 90.0 + 60 * seed))
        for seed, duration_s in enumerate(durations_s)
    ]


def pad(waveforms: list[torch.Tensor], padding: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch [B, T] and its lengths [B]."""
    lengths = [len(waveform) for waveform in waveforms]
    waveform_BT = torch.full((len(waveforms), max(lengths, default=0)), padding)
    for row_T, waveform in zip(waveform_BT, waveforms, strict=True):
        row_T[: len(waveform)] = waveform
    return waveform_BT, torch.tensor(lengths, dtype=torch.int64)
