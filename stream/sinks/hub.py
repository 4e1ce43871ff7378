"""The hub: every websocket subscriber's own bounded queue, and the recent past for those who come late.

Policy: when a subscriber's queue is full its oldest events are skipped and counted, and in their place it is
told which they were (a `gap` without a number). It never holds up the publisher or another subscriber: hence
a queue of its own for each, where websockets' `broadcast()` would fill a slow reader's buffers without end.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from .audience import Audience
from .backlog import Archive
from .base import Sink
from .past import Past
from .replay import Replay
from .subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cmlstream.stream.events import Message
    from cmlstream.stream.redis_log import RedisLog
    from cmlstream.stream.selection import Selection

HELD_MESSAGES = 10_000
"""What a late or returning subscriber can still get: about half an hour of one stream's speech."""

QUEUED_MESSAGES = 2_048
"""What one subscriber may lag behind: minutes of one stream, two seconds of two hundred."""

DRAIN_TIMEOUT_S = 2.0
"""How long subscribers may take to receive what is queued when the hub closes."""


class Hub(Sink):
    """Takes every message once and hands it, encoded as it came, to all subscribers that want it."""

    def __init__(
        self,
        held_messages: int = HELD_MESSAGES,
        queued_messages: int = QUEUED_MESSAGES,
        drain_timeout_s: float = DRAIN_TIMEOUT_S,
        log: RedisLog | None = None,
    ) -> None:
        """Begin with an empty past; `log` reads what is older, of this node and others."""
        self._archive = Archive(log) if log else None
        self._past = Past(held_messages)
        self._queued_messages = queued_messages
        self._drain_timeout_s = drain_timeout_s
        self._subscriptions: set[Subscription] = set()
        self._replaying: set[Subscription] = set()
        self._audience = Audience()
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
        """Hold one event and queue it for every subscriber; never waits for any of them to read it."""
        self._hold(message)
        self.skipped_events += self._audience.offer(message)
        # A source faster than real time publishes in a tight loop, in which subscribers need their turn.
        await self._audience.all_woken()

    def _hold(self, message: Message) -> None:
        place = self._past.first
        passed = self._past.append(message)
        if passed is not None:
            for subscription in self._replaying:
                self.skipped_events += subscription.pass_over(place, passed)

    @asynccontextmanager
    async def subscribe(self, selection: Selection) -> AsyncIterator[Subscription]:
        """Add a subscriber for as long as the context lasts.

        What is held and wanted comes first, then what is published from this moment on: no hole, no repeat.
        After the hub has closed only the past is left.
        """
        replay = self._replay(selection)
        subscription = Subscription(selection, self._queued_messages, replay, self._join)
        if self.close_reason is not None:
            subscription.finish()
        self._subscriptions.add(subscription)
        self._left_alone.clear()
        if replay is None:
            self._audience.add(subscription)
        else:
            self._replaying.add(subscription)
        try:
            yield subscription
        finally:
            self._part(subscription)
            if replay is not None:
                await replay.close()

    def _replay(self, selection: Selection) -> Replay | None:
        if selection.since is None:
            return None
        return Replay(selection, selection.since, self._past, self._archive)

    def _join(self, subscription: Subscription) -> None:
        self._replaying.discard(subscription)
        self._audience.add(subscription)

    def _part(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        self._replaying.discard(subscription)
        self._audience.discard(subscription)
        if not self._subscriptions:
            self._left_alone.set()

    async def run(self) -> None:
        """Return once the hub is closed; the server's connections do the delivering."""
        await self._closed.wait()

    async def close(self) -> None:
        """End every subscription after what is queued for it; give up on those that take too long."""
        if self._closed.is_set():
            return
        self.close_reason = "server stops"
        for subscription in self._subscriptions:
            subscription.finish()
        try:
            async with asyncio.timeout(self._drain_timeout_s):
                await self._left_alone.wait()
        except TimeoutError:
            for subscription in self._subscriptions:
                subscription.abandon()
        self._closed.set()
