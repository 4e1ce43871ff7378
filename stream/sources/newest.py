"""The way from a device's thread, which must not wait, to the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING

from .base import Chunk

if TYPE_CHECKING:
    from cmlstream.models.contract import Samples


class EndOfAudio(Exception):  # noqa: N818 - an end is no error
    """A queue is empty for good."""


class NewestQueue:
    """Holds at most `limit_samples` of 16 kHz audio; when more comes it drops the oldest and counts.

    `put`, `skip` and `finish` may be called from any thread, `get` from the event loop it was made in. What
    was dropped or skipped shows as a jump in the `start` of the next chunk.
    """

    def __init__(self, limit_samples: int) -> None:
        self.dropped_samples = 0
        self._limit_samples = limit_samples
        self._held_samples = 0
        self._end = 0
        self._closed = False
        self._ending: Exception | None = None
        self._chunks: deque[Chunk] = deque()
        self._lock = threading.Condition()
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

    def finish(self, reason: Exception) -> None:
        """Make `get` raise `reason`, an EndOfAudio or what broke, once all that is held has been taken."""
        with self._lock:
            self._ending = reason
            if not self._closed:
                self._loop.call_soon_threadsafe(self._arrived.set)

    async def get(self) -> Chunk:
        """Return the oldest chunk held, waiting for one; raises what `finish` was given when all is taken."""
        while True:
            with self._lock:
                if self._chunks:
                    chunk = self._chunks[0]
                    self._take()
                    return chunk
                if self._ending:
                    raise self._ending
                self._arrived.clear()
            await self._arrived.wait()

    def close(self) -> None:
        """Ignore what still comes: the loop may be gone before the device is."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()

    def _take(self) -> int:
        length = len(self._chunks.popleft().samples_T)
        self._held_samples -= length
        self._lock.notify_all()
        return length


class PatientQueue(NewestQueue):
    """Drops nothing: the thread that brings more than there is room for has to wait. For one such thread."""

    def put(self, samples_T: Samples) -> None:
        """Append audio that follows on the last, as soon as there is room or the queue is closed."""
        with self._lock:
            self._lock.wait_for(lambda: self._closed or self._has_room_for(len(samples_T)))
        super().put(samples_T)

    def _has_room_for(self, samples: int) -> bool:
        return not self._chunks or self._held_samples + samples <= self._limit_samples
