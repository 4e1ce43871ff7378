"""What waits for Redis: bounded, in order, and honest about what it had to drop."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from cmlstream.stream.events import Gap, Message, encode


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
    """A queue of events, of any number of streams, that drops its oldest when it is full."""

    def __init__(self, capacity_events: int) -> None:
        self._capacity_events = capacity_events
        self._waiting: deque[Message] = deque()
        self._losses: dict[tuple[str, str], _Loss] = {}
        self.dropped_events = 0
        """Events dropped so far."""

    def __len__(self) -> int:
        """Return the number of events that wait; notices of what was dropped do not count."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether the next `append` drops the oldest event."""
        return len(self._waiting) >= self._capacity_events

    def append(self, message: Message) -> None:
        """Let an event wait behind the others."""
        if self.full:
            self._drop(self._waiting.popleft())
        self._waiting.append(message)

    def take(self, limit: int) -> list[Message]:
        """Remove and return up to `limit` events, behind the notices of what was dropped before them."""
        taken = [loss.notice() for loss in self._losses.values()]
        self._losses.clear()
        taken.extend(self._waiting.popleft() for _ in range(min(limit, len(self._waiting))))
        return taken

    def _drop(self, message: Message) -> None:
        self.dropped_events += 1
        message.skipped.events += 1
        loss = self._losses.setdefault((message.event.stream, message.event.session), _Loss(message, message))
        loss.last = message
