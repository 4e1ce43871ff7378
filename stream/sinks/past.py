"""The recent past: the last messages of all streams, for subscribers who come late or come back."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cmlstream.stream.events import Gap, StreamEnded, encode
from cmlstream.stream.selection import Since

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cmlstream.stream.events import Event, Message
    from cmlstream.stream.selection import Selection


class Past:
    """The last messages of all streams together, and what came before them by session."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: deque[Message] = deque()
        self._forgotten: dict[str, Message] = {}
        """The newest message of each live session that is no longer held."""

    def append(self, message: Message) -> None:
        """Hold `message`, and let go of the oldest where there are too many."""
        if len(self._held) == self._capacity:
            self._forget(self._held.popleft())
        self._held.append(message)

    def _forget(self, message: Message) -> None:
        session = message.event.session
        if isinstance(message.event, StreamEnded):
            self._forgotten.pop(session, None)
        else:
            self._forgotten[session] = message

    def since(self, selection: Selection) -> Iterator[bytes]:
        """Yield what is wanted of the past: gaps for what is no longer held, then the events."""
        since = selection.since or Since()
        sessions = self._newest_sessions() | since.sessions.keys()

        def wanted(event: Event) -> bool:
            unread = _number(event) > since.last_read(event.session)
            return unread and event.session in sessions and selection.includes(event)

        for session, message in self._forgotten.items():
            if wanted(message.event):
                yield encode(_gap_until(message, since.last_read(session) + 1))
        for message in self._held:
            if wanted(message.event):
                yield message.payload

    def _newest_sessions(self) -> set[str]:
        by_stream = {message.event.stream: session for session, message in self._forgotten.items()}
        by_stream.update((message.event.stream, message.event.session) for message in self._held)
        return set(by_stream.values())


def _number(event: Event) -> int:
    assert event.seq is not None, "every published event has a number"
    return event.seq


def _gap_until(message: Message, first_seq: int) -> Gap:
    """Return the notice that events from `first_seq` to `message` are no longer held.

    Where in the audio they began is not known any more: somewhere since the session did.
    """
    event = message.event
    return Gap(
        stream=event.stream,
        session=event.session,
        seq=None,
        start_sample=0,
        end_sample=event.end_sample,
        start_time=datetime.fromtimestamp(message.session_ms / 1000, UTC),
        end_time=event.end_time,
        model=event.model,
        kind="events",
        first_seq=first_seq,
        last_seq=event.seq,
    )
