"""The door: audio at any rate, with any number of channels, becomes 16 kHz mono int16 as it streams in.

Shapes: T frames of the input, C channels.
"""

from __future__ import annotations

import functools

import numpy as np
import soxr
from numpy.typing import NDArray

from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE, Samples
from cmlstream.models.errors import InputError

LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000
"""Hz. Below, speech loses its formants; above, a rate is a mistake."""

Frames = NDArray[np.float32] | Samples


class Converter:
    """Mixes down (the mean of all channels, or channel number `channel`, counted from 1), resamples, rounds.

    How the audio is cut into pushes changes nothing, to the bit. Values beyond full scale are clipped. NaN
    and infinity become silence: one of them would otherwise live on in the resampler's filter. 16 kHz mono
    int16 comes out as it went in.

    Raises InputError for a rate outside 8 to 192 kHz and for a channel that the audio does not have.
    """

    def __init__(self, rate: int, channels: int, channel: int | None = None) -> None:
        check_rate(rate)
        check_channel(channels, channel)
        self._channel = channel
        self._resampler = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1)

    def push(self, frames_TC: Frames) -> Samples:
        """Return what is ready of the audio so far; float input has full scale at 1."""
        if self._resampler is None and frames_TC.dtype == np.int16 and frames_TC.shape[1] == 1:
            return frames_TC[:, 0].astype(np.int16, copy=False)
        mono_T = self._mix(_unit(frames_TC))
        return _quantize(mono_T if self._resampler is None else self._resampler.resample_chunk(mono_T))

    def flush(self) -> Samples:
        """Return what the resampler still holds; the next push begins a new piece of audio."""
        if self._resampler is None:
            return np.zeros(0, np.int16)
        rest_T = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        self.reset()
        return _quantize(rest_T)

    def reset(self) -> None:
        """Forget the audio so far."""
        if self._resampler is not None:
            self._resampler.clear()

    def _mix(self, frames_TC: NDArray[np.float64]) -> NDArray[np.float32]:
        heard_TC = frames_TC if self._channel is None else frames_TC[:, self._channel - 1 : self._channel]
        valid_TC = np.isfinite(heard_TC)
        channels_CT = np.where(valid_TC, heard_TC, 0.0).T
        # Channel after channel: numpy's own mean sums in an order that depends on the chunk's shape.
        mono_T: NDArray[np.float64] = functools.reduce(np.add, channels_CT) / len(channels_CT)
        return np.clip(mono_T, -1.0, 1.0).astype(np.float32)


def check_rate(rate: int) -> None:
    """Raise InputError unless `rate`, in Hz, is one that speech is recorded at."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise InputError(
            f"a sample rate of {rate} Hz cannot be used: give audio of {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        )


def check_channel(channels: int, channel: int | None) -> None:
    """Raise InputError unless the audio has channels, and among them number `channel`, counted from 1."""
    if channels < 1:
        raise InputError(f"audio with {channels} channels cannot be used: the least is 1")
    if channel is not None and not 1 <= channel <= channels:
        raise InputError(
            f"channel {channel} was asked for, but the audio has {channels}: pick one from 1 to {channels}"
        )


def _unit(frames_TC: Frames) -> NDArray[np.float64]:
    scale = FULL_SCALE if frames_TC.dtype == np.int16 else 1
    return frames_TC.astype(np.float64) / scale


def _quantize(mono_T: NDArray[np.float32]) -> Samples:
    return np.clip(np.rint(mono_T * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
