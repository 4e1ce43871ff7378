"""The hub: every websocket subscriber's own bounded queue, and the recent past for those who come late.

Policy: when a subscriber's queue is full its oldest events are skipped and counted, and in their place it is
told which they were (a `gap` without a number). It never holds up the publisher or another subscriber: hence
a queue of its own for each, where websockets' `broadcast()` would fill a slow reader's buffers without end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cmlstream.stream.events import Gap, encode

from .base import Sink
from .past import Past

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cmlstream.stream.events import Event, Message
    from cmlstream.stream.selection import Selection

HELD_MESSAGES = 10_000
"""What a late or returning subscriber can still get: about half an hour of one stream's speech."""

QUEUED_MESSAGES = 2_048
"""What one subscriber may lag behind: minutes of one stream, two seconds of two hundred."""

DRAIN_TIMEOUT_S = 2.0
"""How long subscribers may take to receive what is queued when the hub closes."""


class Subscription:
    """One subscriber's way through the events: iterate to get the payloads, each ready to send as text.

    The iteration ends when the hub closes, after what is queued, or at once with `abandon`. Cancelling it
    loses nothing.
    """

    def __init__(self, selection: Selection, replay: Iterable[bytes], capacity: int) -> None:
        self._selection = selection
        self._replay = deque(replay)
        self._capacity = capacity
        self._queue: deque[Message] = deque()
        self._skipped: dict[str, Gap] = {}
        self._changed = asyncio.Event()
        self._finishing = False

    def offer(self, message: Message) -> int:
        """Queue `message` if it is wanted; return how many events had to be skipped for it."""
        if self._finishing or not self._selection.includes(message.event):
            return 0
        skipped = len(self._queue) == self._capacity
        if skipped:
            event = self._queue.popleft().event
            self._skipped[event.session] = _widened(self._skipped.get(event.session), event)
        self._queue.append(message)
        self._changed.set()
        return int(skipped)

    def finish(self) -> None:
        """End the iteration after what is queued."""
        self._finishing = True
        self._changed.set()

    def abandon(self) -> None:
        """End the iteration now: nobody is there to read the rest."""
        self._replay.clear()
        self._skipped.clear()
        self._queue.clear()
        self.finish()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> bytes:
        if self._replay:
            # A send that fits the socket's buffer does not yield: thousands in a row would hold up the loop.
            await asyncio.sleep(0)
        while (payload := self._next()) is None:
            if self._finishing:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return payload

    def _next(self) -> bytes | None:
        if self._replay:
            return self._replay.popleft()
        if self._skipped:
            return encode(self._skipped.pop(next(iter(self._skipped))))
        if self._queue:
            return self._queue.popleft().payload
        return None


class Hub(Sink):
    """Takes every message once and hands it, encoded as it came, to all subscribers that want it."""

    def __init__(
        self,
        held_messages: int = HELD_MESSAGES,
        queued_messages: int = QUEUED_MESSAGES,
        drain_timeout_s: float = DRAIN_TIMEOUT_S,
    ) -> None:
        self._past = Past(held_messages)
        self._queued_messages = queued_messages
        self._drain_timeout_s = drain_timeout_s
        self._subscriptions: set[Subscription] = set()
        self._left_alone = asyncio.Event()
        self._left_alone.set()
        self._closed = asyncio.Event()
        self.close_reason: str | None = None
        """Why no more events will come; None while they may."""

    @property
    def subscribers(self) -> int:
        """How many subscribers there are now."""
        return len(self._subscriptions)

    async def publish(self, message: Message) -> None:
        """Hold one event and queue it for every subscriber; never waits for any of them."""
        self._past.append(message)
        for subscription in self._subscriptions:
            self.skipped_events += subscription.offer(message)
        # A source faster than real time publishes in a tight loop, in which subscribers need their turn.
        await asyncio.sleep(0)

    @contextmanager
    def subscribe(self, selection: Selection) -> Iterator[Subscription]:
        """Add a subscriber for as long as the context lasts.

        What is held and wanted comes first, then what is published from this moment on: no hole, no repeat.
        After the hub has closed only the past is left.
        """
        replay = self._past.since(selection) if selection.since else ()
        subscription = Subscription(selection, replay, self._queued_messages)
        if self.close_reason is not None:
            subscription.finish()
        self._subscriptions.add(subscription)
        self._left_alone.clear()
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            if not self._subscriptions:
                self._left_alone.set()

    async def run(self) -> None:
        """Return once the hub is closed; the server's connections do the delivering."""
        await self._closed.wait()

    async def close(self, reason: str = "stream ended") -> None:
        """End every subscription after what is queued for it; give up on those that take too long."""
        if self.close_reason is None:
            self.close_reason = reason
        for subscription in self._subscriptions:
            subscription.finish()
        try:
            async with asyncio.timeout(self._drain_timeout_s):
                await self._left_alone.wait()
        except TimeoutError:
            for subscription in self._subscriptions:
                subscription.abandon()
        self._closed.set()


def _widened(gap: Gap | None, event: Event) -> Gap:
    """Return `gap`, of the same session, with `event` among what is missing."""
    first = event if gap is None else min(gap, event, key=lambda one: one.start_sample)
    last = event if gap is None else max(gap, event, key=lambda one: one.end_sample)
    return Gap(
        stream=event.stream,
        session=event.session,
        seq=None,
        start_sample=first.start_sample,
        end_sample=last.end_sample,
        start_time=first.start_time,
        end_time=last.end_time,
        model=event.model,
        kind="events",
        first_seq=event.seq if gap is None else gap.first_seq,
        last_seq=event.seq,
    )
