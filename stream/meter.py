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
    """Sums up pieces of audio when asked for a reading. Pure; whole numbers, so cuts change nothing.

    Pieces are kept as they come, and must not be changed before they have been read.
    """

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
        self._pieces: list[Samples] = []

    def push(self, samples_T: Samples) -> None:
        """Add the samples that follow the last ones."""
        self._end += len(samples_T)
        self._pieces.append(samples_T)

    def read(self) -> Reading:
        """Return the reading since the last one, and begin the next."""
        heard_T = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)
        wide_T = heard_T.astype(np.int64)
        energy = int(np.dot(wide_T, wide_T))
        count = max(self.samples, 1)
        power = energy / count / FULL_SCALE**2
        level_dbfs = max(10 * float(np.log10(power)), FLOOR_DBFS) if power > 0 else FLOOR_DBFS
        reading = Reading(
            start=self._start,
            end=self._end,
            level_dbfs=round(level_dbfs, 2),
            clipping=clipped_samples(heard_T) > CLIPPED_SHARE * count,
            muted=energy == 0,
        )
        self.reset(self._end)
        return reading
