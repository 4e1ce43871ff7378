"""The way from a device's thread, which must not wait, to the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING

from .base import Chunk

if TYPE_CHECKING:
    from cmlstream.models.contract import Samples


class NewestQueue:
    """Holds at most `limit_samples` of 16 kHz audio; when more comes it drops the oldest and counts.

    `put` and `skip` may be called from any thread, `get` from the event loop it was made in. What was
    dropped or skipped shows as a jump in the `start` of the next chunk.
    """

    def __init__(self, limit_samples: int) -> None:
        self.dropped_samples = 0
        self._limit_samples = limit_samples
        self._held_samples = 0
        self._end = 0
        self._closed = False
        self._chunks: deque[Chunk] = deque()
        self._lock = threading.Lock()
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def put(self, samples_T: Samples) -> None:
        """Append audio that follows on the last, at the cost of the oldest where there is no room."""
        with self._lock:
            if self._closed or not len(samples_T):
                return
            was_empty = not self._chunks
            self._chunks.append(Chunk(samples_T, self._end))
            self._end += len(samples_T)
            self._held_samples += len(samples_T)
            while self._held_samples > self._limit_samples and len(self._chunks) > 1:
                self.dropped_samples += self._take()
            if was_empty:
                self._loop.call_soon_threadsafe(self._arrived.set)

    def skip(self, samples: int) -> None:
        """Count audio that the device lost before it came here."""
        with self._lock:
            self._end += samples
            self.dropped_samples += samples

    async def get(self) -> Chunk:
        """Return the oldest chunk held, waiting for one."""
        while True:
            with self._lock:
                if self._chunks:
                    chunk = self._chunks[0]
                    self._take()
                    return chunk
                self._arrived.clear()
            await self._arrived.wait()

    def close(self) -> None:
        """Ignore what still comes: the loop may be gone before the device is."""
        with self._lock:
            self._closed = True

    def _take(self) -> int:
        length = len(self._chunks.popleft().samples_T)
        self._held_samples -= length
        return length
