"""The level of the input, once a second of audio, and whether it is clipped or muted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE, Samples

PERIOD_SAMPLES = SAMPLE_RATE
FLOOR_DBFS = -120.0
CLIPPED_AT = 32767
"""Absolute sample value from which a sample counts as clipped: both ends of the int16 range."""

CLIPPED_SHARE = 0.001
"""Share of clipped samples from which a piece of audio counts as clipped: a few strays do no harm."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter saw from `start` to `end`."""

    start: int
    end: int
    level_dbfs: float
    clipping: bool
    muted: bool


def clipped_samples(samples_T: Samples) -> int:
    """Return how many samples sit at either end of the range; |-32768| does not fit int16, hence no abs."""
    return int(np.count_nonzero((samples_T >= CLIPPED_AT) | (samples_T <= -CLIPPED_AT)))


def is_clipped(samples_T: Samples) -> bool:
    """Tell whether so many samples are clipped that the features of this audio cannot be trusted."""
    return clipped_samples(samples_T) > CLIPPED_SHARE * len(samples_T)


class Meter:
    """Sums up pieces of audio until asked for a reading. Pure; integer sums, so cuts change nothing."""

    def __init__(self) -> None:
        self._start = 0
        self.reset(0)

    @property
    def samples(self) -> int:
        """How much has been heard since the last reading."""
        return self._end - self._start

    def reset(self, position: int) -> None:
        """Forget what was heard and begin anew at `position`."""
        self._start = self._end = position
        self._energy = 0
        self._clipped = 0

    def push(self, samples_T: Samples) -> None:
        """Add the samples that follow the last ones."""
        self._end += len(samples_T)
        self._clipped += clipped_samples(samples_T)
        wide_T = samples_T.astype(np.int64)
        self._energy += int(np.dot(wide_T, wide_T))

    def read(self) -> Reading:
        """Return the reading since the last one, and begin the next."""
        count = max(self.samples, 1)
        power = self._energy / count / FULL_SCALE**2
        level_dbfs = max(10 * float(np.log10(power)), FLOOR_DBFS) if power > 0 else FLOOR_DBFS
        reading = Reading(
            start=self._start,
            end=self._end,
            level_dbfs=round(level_dbfs, 2),
            clipping=self._clipped > CLIPPED_SHARE * count,
            muted=self._energy == 0,
        )
        self.reset(self._end)
        return reading
