"""The recent past: the last messages of all streams, for subscribers who come late or come back."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from math import inf
from typing import TYPE_CHECKING

from cmlstream.stream.events import Gap, StreamEnded

if TYPE_CHECKING:
    from collections.abc import Collection

    from cmlstream.stream.events import Event, Message

REMEMBERED_SESSIONS = 1_000
"""Sessions that are over and not held any more, of which is still known that they were."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The newest event of its type that a session had and the past no longer holds."""

    seq: int
    end_sample: int
    end_time: datetime


@dataclass(slots=True)
class PastSession:
    """What is known of one session, oldest first."""

    stream: str
    identifier: str
    started_ms: int
    model: str
    unseen: Lost
    """What came before the first event that the past saw; number 0 where it saw all."""
    began_s: float
    """Wall time at which the past saw the first one."""
    held: deque[Message] = field(default_factory=deque)
    came_s: deque[float] = field(default_factory=deque)
    """Wall times at which those held came."""
    newest_lost_s: float = -inf
    """Wall time at which the newest event came that is not held any more."""
    lost: dict[type[Event], Lost] = field(default_factory=dict)
    over: bool = False
    """Whether it has ended and nothing of it is held."""

    def lost_after(self, seq: int, kinds: Collection[type[Event]]) -> Lost | None:
        """Return the newest lost event behind number `seq`, of these types; of any type if none are named."""
        wanted = [lost for kind, lost in self.lost.items() if not kinds or kind in kinds]
        newest = max((self.unseen, *wanted), key=_lost_seq)
        return newest if newest.seq > seq else None

    def number_at(self, moment_s: float) -> int:
        """Return the number of the last event that had come by a wall time.

        Where some that came later are not held any more, at least the newest of them counts as later.
        """
        if moment_s <= self.began_s:
            return 0
        newest_lost = max(self.unseen.seq, *map(_lost_seq, self.lost.values()), 0)
        if moment_s <= self.newest_lost_s:
            return newest_lost - 1
        return newest_lost + bisect_left(self.came_s, moment_s)

    def gap(self, first_seq: int, lost: Lost) -> Gap:
        """Return the notice that events from `first_seq` to `lost` are not held any more.

        Where in the audio they began is not known any more: somewhere since the session did.
        """
        return Gap(
            stream=self.stream,
            session=self.identifier,
            seq=None,
            start_sample=0,
            end_sample=lost.end_sample,
            start_time=min(datetime.fromtimestamp(self.started_ms / 1000, UTC), lost.end_time),
            end_time=lost.end_time,
            model=self.model,
            kind="events",
            first_seq=first_seq,
            last_seq=lost.seq,
        )


class Past:
    """The last messages of all streams together, in the order of their publishing, and what came before.

    Every message has a place: 0, 1, 2 ... since the past began. `first` is the oldest place held, `end` the
    one that the next message will take.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: deque[Message] = deque()
        self._over: deque[str] = deque()
        self.began_s = time.time()
        """Wall time from which on everything passed here."""
        self.first = 0
        self.sessions: dict[str, PastSession] = {}
        """Sessions in the order in which they began."""

    @property
    def end(self) -> int:
        """The place of the next message."""
        return self.first + len(self._held)

    def append(self, message: Message) -> Message | None:
        """Hold `message`; return the oldest, which was at `first`, where it had to go for it."""
        event = message.event
        session = self.sessions.get(event.session)
        if session is None:
            session = self.sessions[event.session] = _begin(message)
        session.held.append(message)
        session.came_s.append(time.time())
        self._held.append(message)
        return self._forget_oldest() if len(self._held) > self._capacity else None

    def slice(self, start: int, count: int) -> list[Message]:
        """Return up to `count` messages from place `start` on, which must be held or the end."""
        return list(islice(self._held, start - self.first, start - self.first + count))

    def oldest(self, stream: str) -> Message | None:
        """Return the oldest message held of `stream`."""
        return next(
            (one.held[0] for one in self.sessions.values() if one.stream == stream and one.held), None
        )

    def _forget_oldest(self) -> Message:
        message = self._held.popleft()
        self.first += 1
        event = message.event
        session = self.sessions[event.session]
        session.held.popleft()
        session.newest_lost_s = session.came_s.popleft()
        session.lost[type(event)] = Lost(number(event), event.end_sample, event.end_time)
        if isinstance(event, StreamEnded):
            self._remember_as_over(session)
        return message

    def _remember_as_over(self, session: PastSession) -> None:
        session.over = True
        self._over.append(session.identifier)
        if len(self._over) > REMEMBERED_SESSIONS:
            del self.sessions[self._over.popleft()]


def _begin(message: Message) -> PastSession:
    event = message.event
    unseen = Lost(number(event) - 1, event.start_sample, event.start_time)
    return PastSession(event.stream, event.session, message.session_ms, event.model, unseen, time.time())


def number(event: Event) -> int:
    """Return the number of an event that was published."""
    assert event.seq is not None, "every published event has a number"
    return event.seq


def _lost_seq(lost: Lost) -> int:
    return lost.seq
