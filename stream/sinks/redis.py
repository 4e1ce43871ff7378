"""Redis: for each stream a log that misses nothing, a live channel and the latest estimate.

Their names are in redis_keys.py. Imported late, since redis takes 0.15 s.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from itertools import groupby
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from cmlstream.models.errors import ConfigurationError, ServiceError
from cmlstream.stream.redis_client import (
    FAILURES,
    REPLY_TIMEOUT_S,
    address_of,
    ask_together,
    look_again,
    open_client,
    pauses_s,
    why,
)
from cmlstream.stream.seldom import SeldomLog

from .base import Sink
from .redis_calls import NOBODY, Calls, script_source
from .spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cmlstream.stream.events import Message
    from cmlstream.stream.redis_client import Command, Failure

HEARTBEAT_S = 5.0
"""How often a stream is entered anew in the registry while it has events."""
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

    One task sends what waits, a stream's events in one call of a script, and repeats a call until its reply
    has come; the script passes over what the stream already holds. While Redis is away events wait in a
    spool, which drops its oldest when full and puts a `gap` in their place. While Redis answers, a full
    spool makes `publish` wait.
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
        self._heartbeats: dict[str, float] = {}
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
        """Whether Redis did not take events when last asked."""
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
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                call = self._calls.publish("EVAL", self._script, NOBODY, ())
                _raise_failures(await ask_together(self._client, [call, *self._calls.heartbeats(())]))
        except FAILURES as failure:
            await self._client.aclose()
            raise ServiceError(f"Redis at {self.address} {why(failure)}") from None

    async def publish(self, message: Message) -> None:
        """Let an event wait for its turn; returns at once unless the spool is full while Redis answers.

        A Redis that stops answering counts as away after REPLY_TIMEOUT_S, so nobody waits longer for it.
        """
        assert message.event.seq is not None, "what one subscriber alone is told is not for Redis"
        async with self._changed:
            await self._changed.wait_for(lambda: self._away or self._closing or not self._spool.full)
            self._spool.append(message)
            self._count_skipped()
            self._changed.notify_all()

    async def run(self) -> None:
        """Deliver until closed; a Redis that goes away is waited for and logged, never raised."""
        try:
            async with asyncio.timeout_at(self._drained_by) as self._deadline:
                await self._deliver_until_closed()
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
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: len(self._spool) > 0 or self._closing)
                batch = sorted(self._spool.take(BATCH_EVENTS), key=_stream)
                self._changed.notify_all()
            if not batch:
                return
            self._unconfirmed = {stream: tuple(messages) for stream, messages in groupby(batch, _stream)}
            await self._send_until_confirmed()
            if len(self._spool) < BATCH_EVENTS and not self._spool.full:
                await asyncio.sleep(PACE_S)

    async def _send_until_confirmed(self) -> None:
        for pause_s in pauses_s():
            try:
                async with asyncio.timeout(REPLY_TIMEOUT_S):
                    await self._send()
            except FAILURES as failure:
                await self._set_away(failure)
                await asyncio.sleep(pause_s)
            else:
                self._set_back()
                return

    async def _send(self) -> None:
        """Send each stream's events in a call of its own; what succeeds stays so if others fail."""
        streams = list(self._unconfirmed)
        silent = self._silent(streams)
        calls = [self._call("EVALSHA", self._script_hash, stream) for stream in streams]
        replies = await ask_together(self._client, [*calls, *self._calls.heartbeats(silent)])
        confirmations, heartbeats = replies[: len(calls)], replies[len(calls) :]
        await self._confirm(dict(zip(streams, confirmations, strict=True)))
        _raise_failures(heartbeats)
        if silent:
            self._note_heartbeats(silent)

    async def _confirm(self, replies: dict[str, Any]) -> None:
        """Take note of what arrived; a node that does not know the script is sent it."""
        unknown = [stream for stream, reply in replies.items() if isinstance(reply, NoScriptError)]
        if unknown:
            calls = [self._call("EVAL", self._script, stream) for stream in unknown]
            replies.update(zip(unknown, await ask_together(self._client, calls), strict=True))
        for stream, reply in replies.items():
            if not isinstance(reply, Exception):
                oldest, *_ = self._unconfirmed.pop(stream)
                self._count_refused(oldest, reply)
        _raise_failures(replies.values())

    def _call(self, command: str, script: str, stream: str) -> Command:
        return self._calls.publish(command, script, stream, self._unconfirmed[stream])

    def _count_refused(self, oldest: Message, refused: int) -> None:
        if refused:
            oldest.skipped.events += refused
            self._lost_events += refused
            self._count_skipped()
            self._warn(
                f"holds newer events of a stream than those of this session and refuses {refused}: check "
                "whether two programs publish under one name, or the clock was set back (then delete its key)"
            )

    def _note_heartbeats(self, streams: Sequence[str]) -> None:
        now = time.monotonic()
        self._heartbeats = {stream: at for stream, at in self._heartbeats.items() if now - at < HEARTBEAT_S}
        self._heartbeats.update(dict.fromkeys(streams, now))

    def _silent(self, streams: Sequence[str]) -> list[str]:
        """Return the streams whose heartbeat is due."""
        now = time.monotonic()
        return [
            stream for stream in streams if now - self._heartbeats.get(stream, -HEARTBEAT_S) >= HEARTBEAT_S
        ]

    async def _set_away(self, failure: Failure) -> None:
        async with self._changed:
            self._away = True
            self._changed.notify_all()
        await look_again(self._client)
        self._warn(f"{why(failure)}; {len(self._spool)} events wait and follow when it is back")

    def _set_back(self) -> None:
        if self._away:
            self._away = False
            _log.info("Redis at %s is back", self.address)

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
