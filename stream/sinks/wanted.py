"""What a returning subscriber still wants of the sessions that the past knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmlstream.stream.redis_keys import Position, started_ms

from .past import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cmlstream.stream.events import Gap, Message
    from cmlstream.stream.selection import Selection, Since

    from .past import Lost, Past, PastSession

NOTHING = 2**63
"""Beyond every number: nothing of such a session is wanted."""


@dataclass(frozen=True, slots=True)
class Place:
    """The event read last."""

    session: str
    seq: int


@dataclass(frozen=True, slots=True)
class _Fetched:
    position: Position
    session: str


class Unread:
    """How far a subscriber has read every session; one that began later is wanted whole."""

    def __init__(self, selection: Selection, since: Since, past: Past) -> None:
        self.since = since
        self._selection = selection
        self._past = past
        self._read = _places(since, past.sessions)
        self._fetched: dict[str, _Fetched] = {}

    def fetched(self, stream: str, position: Position, session: str) -> bool:
        """Note that `stream` was read elsewhere up to here; return False where it was before."""
        before = self._fetched.get(stream)
        if before is not None and position <= before.position:
            return False
        self._fetched[stream] = _Fetched(position, session)
        return True

    def told(self, messages: Iterable[Message]) -> None:
        """Note that everything up to these, of their streams, was read."""
        for message in messages:
            event = message.event
            self._fetched[event.stream] = _Fetched(Position(message.session_ms, number(event)), event.session)

    def place_in(self, stream: str) -> Place | None:
        """Return what was read last of `stream`, where that is known."""
        if fetched := self._fetched.get(stream):
            return Place(fetched.session, fetched.position.seq)
        if len(self._selection.streams) > 1 or not self._selection.streams or not self.since.sessions:
            return None
        session = max(self.since.sessions, key=lambda name: started_ms(name) or -1)
        return Place(session, self.since.last_read(session))

    def streams(self) -> set[str]:
        """Return the streams that the past knows of."""
        return {session.stream for session in self._past.sessions.values()}

    def may_lack(self, stream: str) -> bool:
        """Return whether something that is wanted may never have been held."""
        known = [session.identifier for session in self._sessions(stream)]
        if not known or (self.since.sessions and self.since.sessions.keys().isdisjoint(known)):
            return True
        return self.lacks(stream)

    def lacks(self, stream: str) -> bool:
        """Return whether something that is wanted is not held any more."""
        return any(self._lost(session) for session in self._sessions(stream))

    def wants(self, message: Message) -> bool:
        """Return whether the subscriber asked for `message` and has not read it yet."""
        event = message.event
        if not self._selection.includes(event):
            return False
        return number(event) > self.read_up_to(event.stream, event.session, message.session_ms)

    def read_up_to(self, stream: str, session: str, session_ms: int) -> int:
        """Return the number up to which a session was read."""
        read = self._read.get(session, 0)
        fetched = self._fetched.get(stream)
        if fetched is None or fetched.position.session_ms < session_ms:
            return read
        return max(read, fetched.position.seq) if fetched.position.session_ms == session_ms else NOTHING

    def gaps(self) -> Iterator[Gap]:
        """Yield what is wanted and not held any more, by session; once only."""
        for session in self._past.sessions.values():
            if self._selection.includes_stream(session.stream) and (lost := self._lost(session)):
                yield session.gap(self._read_of(session) + 1, lost)
                self._read[session.identifier] = lost.seq

    def _sessions(self, stream: str) -> Iterator[PastSession]:
        return (session for session in self._past.sessions.values() if session.stream == stream)

    def _lost(self, session: PastSession) -> Lost | None:
        return session.lost_after(self._read_of(session), self._selection.kinds)

    def _read_of(self, session: PastSession) -> int:
        return self.read_up_to(session.stream, session.identifier, session.started_ms)


def _places(since: Since, sessions: Mapping[str, PastSession]) -> dict[str, int]:
    """Return the number after which each session is wanted.

    Wanted are the sessions that are named, the newest of each stream, and those that began after the ones
    that are named; but of what is over and not held only what is named, or there would be no end of it.
    """
    newest = {session.stream: name for name, session in sessions.items()}
    named_ms, any_named_ms = _named(since, sessions)
    places = dict(since.sessions)
    for name, session in sessions.items():
        if name in since.sessions:
            continue
        later = session.started_ms > named_ms.get(session.stream, any_named_ms)
        wanted = not session.over and (later or newest[session.stream] == name)
        places[name] = since.seq if wanted else NOTHING
    return places


def _named(since: Since, sessions: Mapping[str, PastSession]) -> tuple[dict[str, int], int]:
    """Return when the newest named session of each stream began, and the newest of all."""
    by_stream: dict[str, int] = {}
    newest_ms = -1
    for name in since.sessions:
        session = sessions.get(name)
        began_ms = session.started_ms if session else started_ms(name) or -1
        newest_ms = max(newest_ms, began_ms)
        if session:
            by_stream[session.stream] = max(by_stream.get(session.stream, -1), began_ms)
    return by_stream, newest_ms if newest_ms >= 0 else NOTHING
