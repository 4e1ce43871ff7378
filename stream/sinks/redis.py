"""Redis: for each stream a log that misses nothing, a live channel and the latest estimate.

Their names are in redis_keys.py. Imported late, since redis takes 0.15 s.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from itertools import groupby
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from cmlstream.models.errors import ConfigurationError, ServiceError
from cmlstream.stream.redis_client import (
    FAILURES,
    address_of,
    ask_together,
    look_again,
    open_client,
    pauses_s,
    why,
)
from cmlstream.stream.seldom import SeldomLog

from .base import Sink
from .redis_apart import Apart
from .redis_calls import NOBODY, Calls, script_source
from .redis_heartbeats import Heartbeats
from .spool import Spool

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from cmlstream.stream.events import Message
    from cmlstream.stream.redis_client import Command

BATCH_EVENTS = 100
"""Sent in one round trip when events have waited; takes Redis about a millisecond."""
PACE_S = 0.02
"""The least time between round trips, unless a batch is full.

Each costs as much CPU as three events: with many streams it carries several, a single stream's go at once.
"""
DRAIN_S = 5.0
"""How long `close` waits for the last events to go out."""

_log = logging.getLogger(__name__)


class RedisSink(Sink):
    """Publishes every event to Redis once and in order, whatever happens to Redis meanwhile.

    One task sends what waits, a stream's events in one call of a script. What fails waits apart with all
    later events of its stream, or of its node where that is away, while another task repeats it until its
    reply has come; the script passes over what the stream already holds. Meanwhile events wait in a spool,
    which drops its oldest when full, those that wait apart first, and puts a `gap` in their place. While
    Redis answers, a full spool makes `publish` wait.
    """

    def __init__(
        self,
        url: str,
        *,
        spool_events: int = 10_000,
        keep_events: int = 20_000,
        latest_ttl_s: float = 60.0,
        stream_ttl_s: float = 86_400.0,
    ) -> None:
        """Prepare to publish; nothing is sent before `connect`.

        Args:
            url: `redis://`, `rediss://` or `unix://`, with user, password and database in it.
            spool_events: how many events may wait.
            keep_events: how many events each stream keeps, rounded up to what Redis trims cheaply.
            latest_ttl_s: age at which the latest estimate is forgotten.
            stream_ttl_s: time after its last event at which a stream is forgotten.

        Raises:
            ServiceError: `url` is not the URL of a Redis.
            ConfigurationError: fewer events would be kept than one batch holds.

        """
        if keep_events < BATCH_EVENTS:
            raise ConfigurationError(
                f"keep at least {BATCH_EVENTS} events of a stream in Redis, not {keep_events}"
            )
        self._client = open_client(url)
        self.address = address_of(url)
        """Where this publishes, without the URL's secrets."""
        self._script = script_source()
        self._script_hash = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()
        self._calls = Calls(keep_events, stream_ttl_s, latest_ttl_s)
        self._spool = Spool(spool_events)
        self._unconfirmed: dict[str, Sequence[Message]] = {}
        self._apart = Apart(self._client)
        self._heartbeats = Heartbeats()
        self._changed = asyncio.Condition()
        self._away = False
        self._closing = False
        self._drained_by: float | None = None
        self._deadline: asyncio.Timeout | None = None
        self._finished = asyncio.Event()
        self._warnings = SeldomLog(_log)
        self._lost_events = 0

    def __repr__(self) -> str:
        """Return where this publishes, without the URL's secrets."""
        return f"RedisSink({self.address})"

    @property
    def away(self) -> bool:
        """Whether Redis did not take events, be it of one stream, when last asked."""
        return self._away

    @property
    def waiting_events(self) -> int:
        """Events that Redis has not confirmed yet: those in the spool, and those on their way."""
        return len(self._spool) + self._unconfirmed_events()

    async def connect(self) -> None:
        """Make sure at the start, once, that Redis will take events.

        Raises:
            ServiceError: it is not there, refuses us or refuses to be written to.

        """
        try:
            call = self._calls.publish("EVAL", self._script, NOBODY, ())
            _raise_failures(await ask_together(self._client, [call, *self._calls.heartbeats(())]))
        except FAILURES as failure:
            await self._client.aclose()
            raise ServiceError(f"Redis at {self.address} {why(failure)}") from None

    async def publish(self, message: Message) -> None:
        """Let an event wait for its turn; returns at once unless the spool is full while Redis answers.

        A node that stops answering counts as away after REPLY_TIMEOUT_S, so nobody waits longer for it.
        """
        assert message.event.seq is not None, "what one subscriber alone is told is not for Redis"
        async with self._changed:
            await self._changed.wait_for(lambda: self._closing or not self._spool.full)
            self._spool.append(message)
            self._count_skipped()
            self._changed.notify_all()

    async def run(self) -> None:
        """Deliver until closed; a Redis that goes away is waited for and logged, never raised."""
        try:
            async with asyncio.timeout_at(self._drained_by) as self._deadline, asyncio.TaskGroup() as tasks:
                repeating = tasks.create_task(self._repeat_failed())
                await self._deliver_until_closed()
                repeating.cancel()
        except TimeoutError:
            self._give_up()
        finally:
            self._finished.set()
            await self._client.aclose()

    async def close(self) -> None:
        """Deliver what still waits, within DRAIN_S; then `run` returns, and the log says what was left."""
        async with self._changed:
            self._closing = True
            self._drained_by = asyncio.get_running_loop().time() + DRAIN_S
            self._changed.notify_all()
        await asyncio.sleep(0)  # a task of `run` that was created just now has not begun yet
        if self._deadline is None:
            await self._client.aclose()
        elif not self._finished.is_set():
            self._deadline.reschedule(self._drained_by)
            await self._finished.wait()

    async def _deliver_until_closed(self) -> None:
        while batch := await self._next_batch():
            portions = {stream: tuple(messages) for stream, messages in groupby(batch, _stream)}
            self._unconfirmed.update(portions)
            self._heartbeats.demand(portions)
            await self._send(portions, registers=not self._apart.has_registry)
            if self._spool.waiting_events < BATCH_EVENTS and not self._spool.full:
                await asyncio.sleep(PACE_S)

    async def _next_batch(self) -> list[Message]:
        """Return what is sent next, in each stream's order; nothing at the end."""
        async with self._changed:
            while True:
                await self._changed.wait_for(
                    lambda: self._spool.waiting_events > 0 or (self._closing and not self._away)
                )
                batch = self._spool.take(BATCH_EVENTS, self._apart.holds)
                self._changed.notify_all()
                if batch or not self._away:
                    return sorted(batch, key=_stream)

    async def _repeat_failed(self) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._away)
            for pause_s in pauses_s():
                await asyncio.sleep(pause_s)
                if self._apart.has_node:
                    await look_again(self._client)
                await self._send(self._apart.streams, registers=self._apart.has_registry)
                if not self._away:
                    break

    async def _send(self, streams: Collection[str], *, registers: bool) -> None:
        """Send each stream's events in a call of its own; what succeeds stays so if others fail."""
        silent = list(self._heartbeats.due) if registers else []
        calls = [self._call("EVALSHA", self._script_hash, stream) for stream in streams]
        heartbeats = self._calls.heartbeats(silent) if silent else []
        replies = await ask_together(self._client, [*calls, *heartbeats])
        await self._confirm(dict(zip(streams, replies[: len(calls)], strict=True)))
        if silent:
            self._confirm_heartbeats(silent, replies[len(calls) :])
        if self._apart or self._away:
            await self._sort_out()

    async def _confirm(self, replies: dict[str, Any]) -> None:
        """Take note of what arrived; a node that does not know the script is sent it."""
        unknown = [stream for stream, reply in replies.items() if isinstance(reply, NoScriptError)]
        if unknown:
            calls = [self._call("EVAL", self._script, stream) for stream in unknown]
            replies.update(zip(unknown, await ask_together(self._client, calls), strict=True))
        for stream, reply in replies.items():
            if isinstance(reply, Exception):
                self._apart.failures[stream] = reply
            else:
                self._apart.failures.pop(stream, None)
                oldest, *_ = self._unconfirmed.pop(stream)
                self._count_refused(oldest, reply)

    def _confirm_heartbeats(self, silent: Sequence[str], replies: Sequence[Any]) -> None:
        failure = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if failure:
            self._apart.failures[NOBODY] = failure
        else:
            self._apart.failures.pop(NOBODY, None)
            self._heartbeats.confirm(silent)

    async def _sort_out(self) -> None:
        """Let those go on that may, and say whether all do."""
        async with self._changed:
            self._apart.sort_out()
            self._spool.release()
            was_away, self._away = self._away, bool(self._apart)
            self._changed.notify_all()
        if self._away:
            failure = next(iter(self._apart.failures.values()))
            self._warn(f"{why(failure)}; {len(self._spool)} events wait and follow when it is back")
        elif was_away:
            _log.info("Redis at %s is back", self.address)

    def _call(self, command: str, script: str, stream: str) -> Command:
        return self._calls.publish(command, script, stream, self._unconfirmed[stream])

    def _count_refused(self, oldest: Message, refused: int) -> None:
        if refused:
            oldest.skipped.events += refused
            self._lost_events += refused
            self._count_skipped()
            self._warn(
                f"holds newer events of a stream than those of this session and refuses {refused}: check "
                "whether two programs publish under one name, or the clock was set back"
            )

    def _give_up(self) -> None:
        left = self.waiting_events
        self._lost_events += left
        self._count_skipped()
        _log.warning(
            "Redis at %s did not come back in time: %d events were not delivered", self.address, left
        )

    def _unconfirmed_events(self) -> int:
        messages = (message for messages in self._unconfirmed.values() for message in messages)
        return sum(message.event.seq is not None for message in messages)

    def _count_skipped(self) -> None:
        self.skipped_events = self._spool.dropped_events + self._lost_events

    def _warn(self, what: str) -> None:
        self._warnings.warning("Redis at %s %s", self.address, what)


def _raise_failures(replies: Iterable[object]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def _stream(message: Message) -> str:
    return message.event.stream
