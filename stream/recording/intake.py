"""What waits to be written: filled by the event loop, emptied by the writing thread."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE

if TYPE_CHECKING:
    from cmlstream.stream.sources.base import Chunk

    from .place import Place

QUEUED_SAMPLES = 2_000 * SAMPLE_RATE
"""Audio of all streams that may wait, 64 MB: ten seconds of two hundred, and half an hour of a fast file."""

QUEUED_EVENTS = 20_000
"""Events of all streams that may wait: about 20 MB, twenty seconds of two hundred streams that all speak."""

WRITE_INTERVAL_S = 0.5
"""How long something waits at most before it is written, while the disk keeps up."""


@dataclass(slots=True, eq=False)
class Recording:
    """One session's recording, as the loop and the thread both know it."""

    place: Place
    stopped: bool = False
    """Nothing more is recorded of the session."""
    has_holes: bool = False
    """Audio is missing in it."""
    untold: deque[str] = field(default_factory=deque)
    """Sentences about it that its session is to be told."""

    def stop(self, reason: str) -> None:
        """Record no more."""
        self.stopped = True
        self.untold.append(
            f"Recording stopped ({reason}): see to the folder that --record names; the stream itself goes on."
        )

    def leave_hole(self) -> None:
        """Take note that audio is missing; the session is told at the first."""
        if not self.has_holes:
            self.has_holes = True
            self.untold.append(
                "Audio is missing in the recording (the disk is too slow): see to the folder that --record "
                "names; the stream itself goes on."
            )


@dataclass(slots=True, eq=False)
class Due:
    """What there is to write of one recording."""

    lines: list[bytes] = field(default_factory=list)
    chunks: deque[Chunk] = field(default_factory=deque)
    ended: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What there is to write, and whether it is the last."""

    due: dict[Recording, Due]
    last: bool


class Intake:
    """Two bounds for all recordings together. Beyond them the oldest audio is dropped; events are refused."""

    def __init__(self, queued_samples: int = QUEUED_SAMPLES, queued_events: int = QUEUED_EVENTS) -> None:
        self._queued_samples = queued_samples
        self._queued_events = queued_events
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._closed = False
        self._clear()

    def hear(self, recording: Recording, chunk: Chunk) -> int:
        """Let audio wait; return how many samples, of whatever recording, were dropped for it."""
        with self._lock:
            self._due_of(recording).chunks.append(chunk)
            self._order.append(recording)
            self._samples += len(chunk.samples_T)
            dropped = self._drop_oldest()
        if self._samples > self._queued_samples // 4:
            self._wanted.set()
        return dropped

    def say(self, recording: Recording, line: bytes) -> bool:
        """Let an event wait; return False where there is no room for it."""
        with self._lock:
            if self._events >= self._queued_events:
                return False
            self._due_of(recording).lines.append(line)
            self._events += 1
        if self._events > self._queued_events // 4:
            self._wanted.set()
        return True

    def end(self, recording: Recording) -> None:
        """Let the recording be closed after what waits."""
        with self._lock:
            self._due_of(recording).ended = True

    def close(self) -> None:
        """Let the next batch be the last."""
        self._closed = True
        self._wanted.set()

    def take(self) -> Batch:
        """Return what waits, after WRITE_INTERVAL_S or once much does; blocks."""
        self._wanted.wait(WRITE_INTERVAL_S)
        with self._lock:
            self._wanted.clear()
            batch = Batch(self._due, self._closed)
            self._clear()
        return batch

    def _clear(self) -> None:
        self._due: dict[Recording, Due] = {}
        self._order: deque[Recording] = deque()
        self._samples = 0
        self._events = 0

    def _due_of(self, recording: Recording) -> Due:
        due = self._due.get(recording)
        if due is None:
            due = self._due[recording] = Due()
        return due

    def _drop_oldest(self) -> int:
        dropped = 0
        while self._samples - dropped > self._queued_samples:
            recording = self._order.popleft()
            recording.leave_hole()
            dropped += len(self._due[recording].chunks.popleft().samples_T)
        self._samples -= dropped
        return dropped
