"""The energy gate: steady noise is not speech, however much its spectrum looks like it."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from .contract import FULL_SCALE, SAMPLE_RATE, Samples
from .errors import ConfigurationError

SILENCE_DBFS = -100.0
"""What digital silence counts as: one count of int16 is at -90 dBFS, so nothing audible lies below."""


def require_range(name: str, value: float, lowest: float, highest: float) -> None:
    """Refuse a voice activity setting outside its range (NaN lies outside every range).

    Raises:
        ConfigurationError: naming the setting, its value and the range to choose from.

    """
    if not lowest <= value <= highest:
        raise ConfigurationError(
            f"voice activity: {name} is {value}; choose a value from {lowest} to {highest}"
        )


class EnergyGateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far above the noise a frame must stand to count as speech.

    Raises:
        ConfigurationError: if a value is out of range.

    """

    absolute_floor_dbfs: float = -70.0
    """The noise floor never sinks below this, however quiet it gets."""

    margin_db: float = 5.0
    """How far a frame must exceed the running noise floor."""

    rise_db_per_s: float = 5.0
    """How fast the noise floor climbs while frames are louder than it."""

    fall_ms: int = 150
    """Time constant with which the noise floor sinks towards quieter frames."""

    def __post_init__(self) -> None:
        """Check every value, whether it came from code or from a file."""
        require_range("gate.absolute_floor_dbfs", self.absolute_floor_dbfs, SILENCE_DBFS, 0)
        require_range("gate.margin_db", self.margin_db, 0, 60)
        require_range("gate.rise_db_per_s", self.rise_db_per_s, 0, 100)
        require_range("gate.fall_ms", self.fall_ms, 1, 10_000)


def level_dbfs(frame_T: Samples) -> float:
    """Root mean square of a frame about its mean, in dB below full scale.

    About the mean, so that the DC offset of a cheap microphone does not count. The sums are exact integers:
    the result cannot depend on how the frame came to lie in memory.
    """
    wide_T = frame_T.astype(np.int64)
    total = int(wide_T.sum())
    count = len(frame_T)
    variance = (int(np.dot(wide_T, wide_T)) * count - total * total) / (count * count * FULL_SCALE**2)
    return max(10 * math.log10(variance), SILENCE_DBFS) if variance > 0 else SILENCE_DBFS


class EnergyGate:
    """A noise floor that sinks fast and climbs slowly, and a threshold above it.

    Speech dips between syllables, which holds the floor down; steady noise does not, so the floor climbs to
    it and shuts the gate.
    """

    def __init__(self, settings: EnergyGateSettings, frame_samples: int) -> None:
        self._settings = settings
        self._floor_dbfs: float | None = None
        self._rise_db = settings.rise_db_per_s * frame_samples / SAMPLE_RATE
        self._fall = 1 - math.exp(-frame_samples * 1000 / (SAMPLE_RATE * settings.fall_ms))

    def passes(self, frame_T: Samples) -> bool:
        """Whether this frame stands out; every frame of the stream must come by here once, in order."""
        level = level_dbfs(frame_T)
        floor = self._first_floor(level) if self._floor_dbfs is None else self._floor_dbfs
        # Clamped, or a dropout of zeros would sink the floor for seconds.
        excess = max(level, self._settings.absolute_floor_dbfs) - floor
        floor += min(excess, self._rise_db) if excess > 0 else excess * self._fall
        self._floor_dbfs = floor
        return level >= floor + self._settings.margin_db

    def _first_floor(self, level: float) -> float:
        # Two margins down: steady noise soon shuts the gate, a stream that begins in a word still passes it.
        return max(self._settings.absolute_floor_dbfs, level - 2 * self._settings.margin_db)
