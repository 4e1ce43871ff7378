"""What waits for Redis: bounded, in order, and honest about what it had to drop."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmlstream.stream.events import Gap, Message, encode

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class _Loss:
    """The events of one session that were dropped since the last were taken; always a run without a hole."""

    first: Message
    last: Message

    def notice(self) -> Message:
        """Return the `gap` that stands where the dropped events would have stood."""
        first, last = self.first.event, self.last.event
        gap = Gap(
            stream=first.stream,
            session=first.session,
            seq=None,
            start_sample=first.start_sample,
            end_sample=last.end_sample,
            start_time=first.start_time,
            end_time=last.end_time,
            model=first.model,
            kind="events",
            first_seq=first.seq,
            last_seq=last.seq,
        )
        return Message(event=gap, payload=encode(gap), session_ms=self.first.session_ms)


class Spool:
    """A queue of events, of any number of streams, that drops its oldest when it is full.

    What cannot go when it is its turn is held back, and dropped before all else.
    """

    def __init__(self, capacity_events: int) -> None:
        self._capacity_events = capacity_events
        self._waiting: deque[Message] = deque()
        self._held: deque[Message] = deque()
        self._held_streams: set[str] = set()
        self._losses: dict[tuple[str, str], _Loss] = {}
        self.dropped_events = 0
        """Events dropped so far."""

    def __len__(self) -> int:
        """Return the number of events that wait; notices of what was dropped do not count."""
        return len(self._waiting) + len(self._held)

    @property
    def full(self) -> bool:
        """Whether the next `append` drops an event that is not held back."""
        return len(self._waiting) >= self._capacity_events

    @property
    def waiting_events(self) -> int:
        """Events that are not held back."""
        return len(self._waiting)

    def append(self, message: Message) -> None:
        """Let an event wait behind the others."""
        if len(self) >= self._capacity_events:
            self._drop((self._held or self._waiting).popleft())
        self._waiting.append(message)

    def take(self, limit: int, holds: Callable[[str], bool] = lambda _: False) -> list[Message]:
        """Remove and return up to `limit` events, behind the notices of what was dropped before them.

        Events of streams that `holds` names are held back from then on, until `release`.
        """
        taken = [
            self._losses.pop(key).notice() for key in list(self._losses) if not self._stays(key[0], holds)
        ]
        end = len(taken) + limit
        while self._waiting and len(taken) < end:
            message = self._waiting.popleft()
            if self._stays(message.event.stream, holds):
                self._held.append(message)
                self._held_streams.add(message.event.stream)
            else:
                taken.append(message)
        return taken

    def release(self) -> None:
        """Let the events that were held back wait in front of the others."""
        self._held.extend(self._waiting)
        self._waiting, self._held = self._held, deque()
        self._held_streams.clear()

    def _stays(self, stream: str, holds: Callable[[str], bool]) -> bool:
        """Tell whether a stream is held back; once it is, nothing of it may pass what was."""
        return stream in self._held_streams or holds(stream)

    def _drop(self, message: Message) -> None:
        self.dropped_events += 1
        message.skipped.events += 1
        loss = self._losses.setdefault((message.event.stream, message.event.session), _Loss(message, message))
        loss.last = message
