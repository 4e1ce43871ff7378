"""How far each session was read: what tells repeated events from new ones, and where to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SESSIONS = 4_096
"""Remembered at most; the one that was silent the longest is forgotten first."""


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What every event has, of whatever type and version."""

    type: str
    v: int
    stream: str
    session: str
    seq: int | None
    last_seq: int | None = None
    """The last one missing, in a `gap`."""

    @property
    def number(self) -> int | None:
        """Up to where the session is read with this event; None where it does not say."""
        return self.last_seq if self.seq is None else self.seq


@dataclass(slots=True)
class _Read:
    stream: str
    seq: int
    over: bool = False


class Cursors:
    """The last number read of every session followed, in the order in which they last said something."""

    def __init__(self, read: Mapping[str, int] | None = None) -> None:
        self._read = {session: _Read("", seq) for session, seq in (read or {}).items()}

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield sessions with the last number read, those that said something last first."""
        return ((session, read.seq) for session, read in reversed(self._read.items()))

    def __len__(self) -> int:
        return len(self._read)

    def advance(self, event: Outline) -> bool:
        """Note `event` as read; False where it, or all that it says is missing, was read before."""
        if event.number is None:
            return True
        before = self._read.pop(event.session, None)
        if before is None:
            self._make_room_for(event.stream)
        last_seq = before.seq if before else 0
        over = event.type == "stream.ended" or (before is not None and before.over)
        self._read[event.session] = _Read(event.stream, max(last_seq, event.number), over)
        return event.number > last_seq

    def _make_room_for(self, stream: str) -> None:
        """Forget what the new session of `stream` makes old, and the most silent where there are too many."""
        for session in [one for one, read in self._read.items() if read.over and read.stream == stream]:
            del self._read[session]
        if len(self._read) >= SESSIONS:
            del self._read[next(iter(self._read))]
