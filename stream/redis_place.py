"""Where to begin in a stream's log, and how to go on from there without missing a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .outline import outlined
from .redis_continuity import Continuity
from .redis_keys import Position, started_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .redis_continuity import Entry
    from .redis_reader import Found, RedisReader
    from .selection import Since

BEGINNING = Position(0, 0)


async def place(reader: RedisReader, stream: str, since: Since | None) -> Continuity:
    """Return where to begin in `stream`: behind the session named last, or in the newest where none is known.

    None is the end of the log. Raises one of FAILURES.
    """
    newest = await reader.newest(stream)
    if newest is None:
        return Continuity(stream, BEGINNING)
    if since is None:
        return Continuity(stream, newest.position)
    session = await _session_read_last(reader, stream, since, newest)
    if session is None:
        return Continuity(stream, Position(newest.position.session_ms, since.seq))
    return place_in(stream, session, since.last_read(session)) or Continuity(stream, BEGINNING)


def place_in(stream: str, session: str, after_seq: int) -> Continuity | None:
    """Return the place behind an event of a session, which the log need not hold any more.

    None where the session's name does not tell when it began.
    """
    session_ms = started_ms(session)
    if session_ms is None:
        return None
    return Continuity(stream, Position(session_ms, after_seq), session)


async def go_on(reader: RedisReader, answers: Iterable[tuple[Continuity, Sequence[Found]]]) -> list[Entry]:
    """Return the next entries of some logs, with gaps where some are missing.

    Raises one of FAILURES, and then no log has moved on.
    """
    asked = [(log, found, await _oldest(reader, log, found)) for log, found in answers]
    return [
        entry
        for log, found, oldest in asked
        for each in found
        for entry in log.push(each.position, each.payload, oldest)
    ]


async def _oldest(reader: RedisReader, log: Continuity, found: Sequence[Found]) -> Position | None:
    """Return what the log begins with, where that tells whether the end of a session is missing."""
    if not found or not log.leaves_session(found[-1].position):
        return None
    oldest = await reader.oldest(log.stream)
    return oldest.position if oldest else None


def _session_of(found: Found) -> str | None:
    outline = outlined(found.payload)
    return outline.session if outline else None


async def _session_read_last(reader: RedisReader, stream: str, since: Since, newest: Found) -> str | None:
    """Return the latest session of `stream` that `since` names."""
    session = _session_of(newest)
    if session in since.sessions:
        return session
    for name in sorted(since.sessions, key=lambda name: started_ms(name) or 0, reverse=True):
        first = await reader.first_of_session(stream, started_ms(name) or 0)
        if first is not None and _session_of(first) == name:
            return name
    return None
