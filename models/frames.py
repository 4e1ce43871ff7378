"""Cuts a stream of samples into frames on a fixed grid.

Array names carry their shape: T samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .contract import Samples


class FrameGrid:
    """Frames of `size` samples, anchored at the first sample pushed; what fills none yet is carried over."""

    def __init__(self, size: int) -> None:
        self._begun_T: Samples = np.empty(size, np.int16)
        self.carried = 0
        """Samples that wait for the rest of their frame."""

    def push(self, samples_T: Samples) -> Iterator[Samples]:
        """Yield the frames that `samples_T` completes; none shares memory with the caller's array.

        The iterator must be exhausted before the next push.
        """
        size = len(self._begun_T)
        taken = min(size - self.carried, len(samples_T)) if self.carried else 0
        self._carry(samples_T[:taken])
        if self.carried == size:
            self.carried = 0
            yield self._begun_T.copy()
        end = len(samples_T) - (len(samples_T) - taken) % size
        # One copy for all whole frames, which are views of it.
        yield from samples_T[taken:end].copy().reshape(-1, size)
        self._carry(samples_T[end:])

    def _carry(self, samples_T: Samples) -> None:
        self._begun_T[self.carried : self.carried + len(samples_T)] = samples_T
        self.carried += len(samples_T)
