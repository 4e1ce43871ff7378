"""Where to begin in a stream's log, and how to go on from there without missing a loss."""

from __future__ import annotations

from math import ceil
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
    """Return where to begin in `stream`: behind the session named last, or where `since` says for the others.

    None is the end of the log. Raises one of FAILURES.
    """
    newest = await reader.newest(stream)
    if newest is None:
        return Continuity(stream, BEGINNING)
    if since is None:
        return Continuity(stream, newest.position)
    session = await _session_read_last(reader, stream, since, newest)
    if session is not None:
        return place_in(stream, session, since.last_read(session)) or Continuity(stream, BEGINNING)
    if since.seq is not None:
        return Continuity(stream, Position(newest.position.session_ms, since.seq))
    if since.moment_s is not None:
        return Continuity(stream, await _last_by(reader, stream, since.moment_s))
    return Continuity(stream, _behind_those_named(since, newest.position))


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


def _behind_those_named(since: Since, newest: Position) -> Position:
    """Return what lies before all that began after the sessions that `since` names."""
    named_ms = max((started_ms(name) or -1 for name in since.sessions), default=-1)
    return newest if named_ms < 0 else min(newest, Position(named_ms + 1, 0))


async def _last_by(reader: RedisReader, stream: str, moment_s: float) -> Position:
    """Return the last entry that speaks of no later time, found by halves: a day of entries in fifteen."""
    before = await reader.last_before(stream, Position(max(1, ceil(1_000 * moment_s)), 0))
    if before is None:
        return BEGINNING
    if not _is_later(before, moment_s):
        return before.position
    session_ms, earlier, later = before.position.session_ms, 0, before.position.seq
    while later - earlier > 1:
        middle = (earlier + later) // 2
        found = await reader.first_from(stream, Position(session_ms, middle))
        if found is None or _is_later(found, moment_s):
            later = middle
        else:
            earlier = found.position.seq
    return Position(session_ms, earlier)


def _is_later(found: Found, moment_s: float) -> bool:
    outline = outlined(found.payload)
    return outline is not None and outline.end_time.timestamp() > moment_s


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
