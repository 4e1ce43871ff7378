"""One subscriber's way through the events: the past, where it asked for it, then its own bounded queue."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from cmlstream.stream import forms
from cmlstream.stream.events import Gap, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from cmlstream.stream.events import Event, Message
    from cmlstream.stream.selection import Selection

    from .replay import Replay

PAYLOADS_AT_ONCE = 8
"""A send that fits the socket's buffer does not yield: thousands in a row would hold up the loop."""


class Subscription:
    """Iterate to get the payloads, each ready to send as text.

    The iteration ends when the hub closes, after what is queued, or at once with `abandon`. Cancelling it
    loses nothing.
    """

    def __init__(
        self,
        selection: Selection,
        capacity: int,
        replay: Replay | None,
        join: Callable[[Subscription], None],
    ) -> None:
        """Begin with `replay`, then call `join` to be offered what is published from that moment on."""
        self.selection = selection
        self._capacity = capacity
        self._replay = replay
        self._join = join
        self._ready = deque(replay.begin() if replay else ())
        self._skipped: dict[str, Gap] = {}
        self._queue: deque[Message] = deque()
        self._changed = asyncio.Event()
        self._fetching: asyncio.Timeout | None = None
        self._called = False
        self._finishing = False
        self._taken = 0

    def offer(self, message: Message) -> int:
        """Queue `message`, which is of a stream that is wanted; return how many events were skipped for it.

        Waking whoever waits for it is up to the caller.
        """
        kinds = self.selection.kinds
        if self._finishing or (kinds and type(message.event) not in kinds):
            return 0
        skipped = len(self._queue) == self._capacity
        if skipped:
            self._skip(self._queue.popleft())
        self._queue.append(message)
        return int(skipped)

    def pass_over(self, place: int, message: Message) -> int:
        """Give up on a message at `place` that the past lets go; return how many events were skipped."""
        if self._replay is None or not self._replay.pass_over(place, message):
            return 0
        self._skip(message)
        return 1

    def _skip(self, message: Message) -> None:
        event = message.event
        message.skipped.events += 1
        self._skipped[event.session] = _widened(self._skipped.get(event.session), event)

    def call(self) -> bool:
        """Return whether someone waits for what was offered, to be woken when its turn comes."""
        if self._called or not self._queue or self._changed.is_set():
            return False
        self._called = True
        return True

    def wake(self) -> None:
        """Let whoever waits look again."""
        self._called = False
        self._changed.set()

    def finish(self) -> None:
        """End the iteration after what is queued."""
        self._finishing = True
        self.wake()

    def abandon(self) -> None:
        """End the iteration now: nobody is there to read the rest."""
        self._replay = None
        self._ready.clear()
        self._skipped.clear()
        self._queue.clear()
        if self._fetching is not None:
            self._fetching.reschedule(asyncio.get_running_loop().time())
        self.finish()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> bytes:
        self._taken += 1
        if self._taken % PAYLOADS_AT_ONCE == 0:
            await asyncio.sleep(0)
        while (payload := self._next()) is None:
            if self._replay is not None:
                await self._fetch(self._replay)
            elif self._finishing:
                raise StopAsyncIteration
            else:
                self._changed.clear()
                await self._changed.wait()
        return payload

    def _next(self) -> bytes | None:
        if self._ready:
            return self._ready.popleft()
        if self._skipped:
            return encode(self._skipped.pop(next(iter(self._skipped))))
        if self._queue:
            return forms.payload(self._queue.popleft(), self.selection.form)
        return None

    async def _fetch(self, replay: Replay) -> None:
        """Take what is next of the past; at its end go on live, with nothing between."""
        try:
            async with asyncio.timeout(None) as self._fetching:
                await asyncio.sleep(0)
                payloads = await replay.fetch()
        except TimeoutError:
            return
        finally:
            self._fetching = None
        if self._replay is None:
            return
        if payloads is None:
            self._replay = None
            self._join(self)
        else:
            self._ready.extend(payloads)


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
