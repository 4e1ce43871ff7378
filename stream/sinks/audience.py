"""Who follows what: finds the subscribers of a stream, and wakes many of them a few at a time.

A woken subscriber sends at the next turn of the event loop, all that were woken in the same turn. A thousand
of them would hold up everything else for tens of milliseconds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cmlstream.stream.events import Message

    from .subscription import Subscription

WOKEN_AT_ONCE = 32
"""Subscribers woken in one turn of the loop: about a millisecond of sending."""


class Audience:
    """The subscribers that follow live."""

    def __init__(self) -> None:
        self._of_all: set[Subscription] = set()
        self._by_stream: dict[str, set[Subscription]] = {}
        self._called: deque[Subscription] = deque()
        self._woken = 0
        self._waking = False

    def add(self, subscription: Subscription) -> None:
        """Offer `subscription` what is published from now on."""
        streams = subscription.selection.streams
        if not streams:
            self._of_all.add(subscription)
        for stream in streams:
            self._by_stream.setdefault(stream, set()).add(subscription)

    def discard(self, subscription: Subscription) -> None:
        """Offer it nothing more."""
        self._of_all.discard(subscription)
        for stream in subscription.selection.streams:
            following = self._by_stream.get(stream, set())
            following.discard(subscription)
            if not following:
                self._by_stream.pop(stream, None)

    def offer(self, message: Message) -> int:
        """Queue `message` for everybody who wants it; return how many events were skipped for it."""
        skipped = 0
        for subscription in self._following(message.event.stream):
            skipped += subscription.offer(message)
            if subscription.call():
                self._called.append(subscription)
        if not self._waking:
            self._wake_some()
        return skipped

    async def all_woken(self) -> None:
        """Return when all who were called so far have been woken, after one turn of the loop at least."""
        last = self._woken + len(self._called)
        await asyncio.sleep(0)
        while self._woken < last:  # noqa: ASYNC110 - each round is one turn of the loop
            await asyncio.sleep(0)

    def _wake_some(self) -> None:
        count = min(len(self._called), WOKEN_AT_ONCE)
        for _ in range(count):
            self._called.popleft().wake()
        self._woken += count
        self._waking = len(self._called) > 0
        if self._waking:
            asyncio.get_running_loop().call_soon(self._wake_some)

    def _following(self, stream: str) -> Iterator[Subscription]:
        return chain(self._of_all, self._by_stream.get(stream, ()))
