"""Noticing what is missing in a stream's log: numbers leave no hole at the source, so a hole is a loss."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .events import Gap, StreamEnded, decode, encode
from .redis_keys import Position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .events import Event, Message


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a log, encoded as it was published, or a `gap` in place of what Redis does not hold."""

    stream: str
    position: Position
    """Where it lies; where the last of the missing ones lay, if it stands for several."""

    payload: bytes
    """The event as JSON in UTF-8."""


class Continuity:
    """How far one stream's log has been read; puts a `gap` where events are missing."""

    def __init__(self, stream: str, last: Position, session: str | None = None) -> None:
        """Begin after `last`, in `session` where its name is known."""
        self.stream = stream
        self.last = last
        self._session = session
        self._payload: bytes | None = None

    def leaves_session(self, position: Position) -> bool:
        """Whether another session begins there, so that the end of the one read so far may be missing."""
        return 0 < self.last.session_ms < position.session_ms

    def push(self, position: Position, payload: bytes, oldest: Position | None = None) -> Iterator[Entry]:
        """Yield the next entry of the log, behind a gap where some are missing before it.

        `oldest` is the oldest entry that the log holds; it matters where `leaves_session`.
        """
        if oldest is not None and self.last < oldest and self.leaves_session(position):
            yield from self._lost_end(decode(payload))
        first = self._expected(position.session_ms)
        if first < position.seq:
            yield from self._lost_before(first, position, decode(payload))
        self.last, self._payload = position, payload
        yield Entry(self.stream, position, payload)

    def close(self, before: Message) -> Iterator[Entry]:
        """Yield a gap for what is missing between the last entry and a message that the reader holds."""
        assert before.event.seq is not None, "every published event has a number"
        last = Position(before.session_ms, before.event.seq - 1)
        if self._expected(last.session_ms) <= last.seq:
            yield self._missing(last, before.event)

    def _expected(self, session_ms: int) -> int:
        return self.last.seq + 1 if session_ms == self.last.session_ms else 1

    def _lost_before(self, first: int, position: Position, event: Event) -> Iterator[Entry]:
        """Yield a gap before `event`, less what that says itself where it is the publisher's own notice."""
        noticed = event.first_seq if isinstance(event, Gap) and event.seq is None else None
        last = Position(position.session_ms, (noticed or position.seq) - 1)
        if first <= last.seq:
            yield self._missing(last, event)

    def _missing(self, last: Position, event: Event) -> Entry:
        """Return a gap up to `last`, in the session of `event`, which follows."""
        since = datetime.fromtimestamp(last.session_ms / 1000, UTC)
        gap = Gap(
            stream=event.stream,
            session=event.session,
            seq=None,
            # Where in the audio they began is not known any more: somewhere since the session did.
            start_sample=0,
            end_sample=event.start_sample,
            start_time=min(since, event.start_time),
            end_time=event.start_time,
            model=event.model,
            kind="events",
            first_seq=self._expected(last.session_ms),
            last_seq=last.seq,
        )
        return Entry(self.stream, last, encode(gap))

    def _lost_end(self, event: Event) -> Iterator[Entry]:
        """Yield a gap of unknown length: the log was trimmed up to the later session of `event`.

        Where the last entry read was the session's last event, nothing is missing.
        """
        last = decode(self._payload) if self._payload is not None else None
        if isinstance(last, StreamEnded):
            return
        session = last.session if last else self._session
        if session is None:
            return
        began = datetime.fromtimestamp(self.last.session_ms / 1000, UTC)
        gap = Gap(
            stream=event.stream,
            session=session,
            seq=None,
            start_sample=last.end_sample if last else 0,
            end_sample=last.end_sample if last else 0,
            start_time=last.end_time if last else began,
            end_time=event.start_time,
            model=event.model,
            kind="events",
            first_seq=self.last.seq + 1,
        )
        yield Entry(self.stream, self.last, encode(gap))
