"""What a returning subscriber still wants of the sessions that the past knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmlstream.stream.redis_keys import started_ms

from .past import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cmlstream.stream.events import Gap, Message
    from cmlstream.stream.selection import Selection, Since

    from .past import Past, PastSession

NOTHING = 2**63
"""Beyond every number: nothing of such a session is wanted."""


class Unread:
    """How far a subscriber has read every session; one that began later is wanted whole."""

    def __init__(self, selection: Selection, since: Since, past: Past) -> None:
        self._selection = selection
        self._past = past
        self._read = _places(since, past.sessions)
        self._fetched: dict[str, tuple[int, int]] = {}

    def fetched(self, stream: str, session_ms: int, seq: int) -> None:
        """Note that everything of `stream` up to here came from elsewhere."""
        self._fetched[stream] = (session_ms, seq)

    def wants(self, message: Message) -> bool:
        """Return whether the subscriber asked for `message` and has not read it yet."""
        event = message.event
        if not self._selection.includes(event):
            return False
        return number(event) > self.read_up_to(event.stream, event.session, message.session_ms)

    def read_up_to(self, stream: str, session: str, session_ms: int) -> int:
        """Return the number up to which a session was read."""
        read = self._read.get(session, 0)
        fetched_ms, fetched_seq = self._fetched.get(stream, (-1, 0))
        if fetched_ms < session_ms:
            return read
        return max(read, fetched_seq) if fetched_ms == session_ms else NOTHING

    def gaps(self) -> Iterator[Gap]:
        """Yield what is wanted and not held any more, by session."""
        for session in list(self._past.sessions.values()):
            if not self._selection.includes_stream(session.stream):
                continue
            read = self.read_up_to(session.stream, session.identifier, session.started_ms)
            if lost := session.lost_after(read, self._selection.kinds):
                yield session.gap(read + 1, lost)


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
