"""Recordings read back: every event exactly as it was written, and what cannot be read told by its line.

Everything here blocks and raises OSError.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from cmlstream.stream.events import Event, Message, decode
from cmlstream.stream.redis_keys import started_ms

from .place import EVENTS_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_LINE_BYTES = 1_048_576
"""Far beyond every event: what is longer is no line, and memory is not for it."""


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """The events of one session."""

    path: Path
    stream: str
    started_ms: int
    """Wall time in ms; 0 where nothing in it can be read."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that is no event."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        """Return a sentence for people."""
        return f"Line {self.line} of {self.path} {self.reason} and is left out."


def find_sessions(folder: Path) -> list[RecordedSession]:
    """Return what is recorded in the folder of a session, of a stream, or of all; the oldest first."""
    paths = chain.from_iterable(folder.glob(f"{depth}{EVENTS_NAME}") for depth in ("", "*/", "*/*/"))
    return sorted((_session(path) for path in paths), key=lambda one: (one.started_ms, one.path))


def read(path: Path) -> Iterator[Message | Damage]:
    """Yield the events of a session in their order, and in its place what is none."""
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), 1):
            event = _event(line)
            if event is not None:
                yield Message(event, line.removesuffix(b"\n"), _session_ms(event))
            elif line.endswith(b"\n"):
                yield Damage(path, number, "is damaged")
            else:
                yield Damage(path, number, "breaks off, since the recording did,")


def _session(path: Path) -> RecordedSession:
    first = next((item for item in read(path) if isinstance(item, Message)), None)
    if first is None:
        return RecordedSession(path, path.parent.parent.name, 0)
    return RecordedSession(path, first.event.stream, first.session_ms)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines; one that is too long loses its middle, and is no event then."""
    while line := file.readline(LONGEST_LINE_BYTES):
        rest = line
        while len(rest) == LONGEST_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE_BYTES)
        yield line if rest is line else line[:1] + rest[-1:]


def _event(line: bytes) -> Event | None:
    """Return the event that stands in a line, if it is one that a session published."""
    try:
        event = decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return event if event.seq is not None else None


def _session_ms(event: Event) -> int:
    """Return when the session began: what its name tells, or else the first that is known of it."""
    found = started_ms(event.session)
    return int(event.start_time.timestamp() * 1000) if found is None else found
