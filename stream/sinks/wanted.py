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
        asks_back = bool(self.since.sessions) or self._asks_before_past()
        if not known or (asks_back and self.since.sessions.keys().isdisjoint(known)):
            return True
        return self.lacks(stream)

    def may_lack_sessions(self) -> bool:
        """Return whether sessions are wanted of which the past knows nothing at all, not even the stream."""
        return self._asks_before_past() or not self.since.sessions.keys() <= self._past.sessions.keys()

    def _asks_before_past(self) -> bool:
        return self.since.moment_s is not None and self.since.moment_s < self._past.began_s

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

    Wanted are the sessions that are named, those that began after them in their stream, and of other streams
    what `since` says; but of what is over and not held only what is named, or there would be no end of it.
    """
    newest = {session.stream: name for name, session in sessions.items()}
    last_named = {session.stream: name for name, session in sessions.items() if name in since.sessions}
    named_ms = _newest_named_ms(since, sessions)
    places = dict(since.sessions)
    passed: set[str] = set()
    for name, session in sessions.items():
        if name in since.sessions:
            passed.add(name)
        elif session.over:
            places[name] = NOTHING
        elif session.stream in last_named:
            places[name] = 0 if last_named[session.stream] in passed else NOTHING
        else:
            later = session.started_ms > named_ms
            places[name] = _place_of_other(since, session, later=later, newest=newest[session.stream] == name)
    return places


def _place_of_other(since: Since, session: PastSession, *, later: bool, newest: bool) -> int:
    """Return the number after which a session is wanted of whose stream none is named."""
    if since.moment_s is not None:
        return session.number_at(since.moment_s)
    if since.seq is not None:
        return since.seq if later or newest else NOTHING
    return 0 if later else NOTHING


def _newest_named_ms(since: Since, sessions: Mapping[str, PastSession]) -> int:
    """Return when the newest of the sessions named began, as far as that is known."""
    known = [sessions[name].started_ms for name in since.sessions if name in sessions]
    told = [ms for name in since.sessions if (ms := started_ms(name)) is not None]
    return max((*known, *told), default=NOTHING)
