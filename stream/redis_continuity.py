"""Noticing what is missing in a stream's log: numbers leave no hole at the source, so a hole is a loss."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .events import Gap, encode
from .outline import outlined
from .redis_keys import Position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .events import Event, Message
    from .outline import Outline

ENDED = "stream.ended"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a log, encoded as it was published, or a `gap` in place of what Redis does not hold."""

    stream: str
    position: Position
    """Where it lies; where the last of the missing ones lay, if it stands for several."""

    payload: bytes
    """The event as JSON in UTF-8."""

    outline: Outline
    """What the payload says, of whatever type it is."""


class Continuity:
    """How far one stream's log has been read; puts a `gap` where events are missing."""

    def __init__(self, stream: str, last: Position, session: str | None = None) -> None:
        """Begin after `last`, in `session` where its name is known."""
        self.stream = stream
        self.last = last
        self._told = last
        self._session = session
        self._event: Outline | None = None

    def leaves_session(self, position: Position) -> bool:
        """Whether another session begins there, so that the end of the one read so far may be missing."""
        return 0 < self._told.session_ms < position.session_ms

    def push(self, position: Position, payload: bytes, oldest: Position | None = None) -> Iterator[Entry]:
        """Yield the next entry of the log, behind a gap where some are missing before it.

        What is no event is missing as well. `oldest` is the oldest entry that the log holds; it matters where
        `leaves_session`.
        """
        last, self.last = self.last, position
        event = outlined(payload)
        if event is None:
            return
        if self.leaves_session(position) and self._lacks_end(last, oldest):
            yield from self._lost_end(event)
        first = self._expected(position.session_ms)
        if first < position.seq:
            yield from self._lost_before(first, position, event)
        self._told, self._event = position, event
        yield Entry(self.stream, position, payload, event)

    def _lacks_end(self, last: Position, oldest: Position | None) -> bool:
        """Whether the session told last had more: trimmed, or at the end something that is no event."""
        trimmed = oldest is not None and last < oldest
        return trimmed or (last.session_ms == self._told.session_ms and last > self._told)

    def close(self, before: Message) -> Iterator[Entry]:
        """Yield a gap for what is missing between the last entry and a message that the reader holds."""
        assert before.event.seq is not None, "every published event has a number"
        last = Position(before.session_ms, before.event.seq - 1)
        if self._told < last and self._expected(last.session_ms) <= last.seq:
            yield self._missing(last, before.event)

    def _expected(self, session_ms: int) -> int:
        return self._told.seq + 1 if session_ms == self._told.session_ms else 1

    def _lost_before(self, first: int, position: Position, event: Outline) -> Iterator[Entry]:
        """Yield a gap before `event`, less what that says itself where it is the publisher's own notice."""
        noticed = event.first_seq if event.seq is None else None
        last = Position(position.session_ms, (noticed or position.seq) - 1)
        if first <= last.seq:
            yield self._missing(last, event)

    def _missing(self, last: Position, event: Event | Outline) -> Entry:
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
        return _told_by(gap, last)

    def _lost_end(self, event: Outline) -> Iterator[Entry]:
        """Yield a gap of unknown length, up to the later session of `event`.

        Where the last entry read was the session's last event, nothing is missing.
        """
        last = self._event
        if last and last.type == ENDED:
            return
        session = last.session if last else self._session
        if session is None:
            return
        began = datetime.fromtimestamp(self._told.session_ms / 1000, UTC)
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
            first_seq=self._told.seq + 1,
        )
        yield _told_by(gap, self._told)


def _told_by(gap: Gap, position: Position) -> Entry:
    payload = encode(gap)
    outline = outlined(payload)
    assert outline is not None, "it is an event of ours"
    return Entry(gap.stream, position, payload, outline)
