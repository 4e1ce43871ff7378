"""Redis: for each stream a log that misses nothing, a live channel and the latest estimate.

Their names are in redis_keys.py. Imported late, since redis takes 0.15 s.
"""

from __future__ import annotations

import asyncio
import logging
import time
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING

from cmlstream.models.errors import ConfigurationError, ServiceError
from cmlstream.stream.events import Affect, Gap, SpeechEnded
from cmlstream.stream.redis_client import (
    FAILURES,
    REPLY_TIMEOUT_S,
    Failure,
    address_of,
    open_client,
    pauses_s,
    why,
)
from cmlstream.stream.redis_keys import REGISTRY_KEY, Position, stream_keys

from .base import Sink
from .spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cmlstream.stream.events import Message

HEARTBEAT_S = 5.0
"""How often a stream is entered anew in the registry while it has events."""
BATCH_EVENTS = 100
"""Sent in one round trip when events have waited; takes Redis about a millisecond."""
DRAIN_S = 5.0
"""How long `close` waits for the last events to go out."""
LOG_INTERVAL_S = 10.0

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
        self._script = self._client.register_script(_script_source())
        self._script_settings = (keep_events, round(stream_ttl_s * 1000), round(latest_ttl_s * 1000))
        self._stream_ttl_s = stream_ttl_s
        self._spool = Spool(spool_events)
        self._unconfirmed: dict[str, Sequence[Message]] = {}
        self._heartbeats: dict[str, float] = {}
        self._changed = asyncio.Condition()
        self._away = False
        self._closing = False
        self._drained_by: float | None = None
        self._deadline: asyncio.Timeout | None = None
        self._finished = asyncio.Event()
        self._last_warned = -LOG_INTERVAL_S
        self._lost_events = 0

    def __repr__(self) -> str:
        """Return where this publishes, without the URL's secrets."""
        return f"RedisSink({self.address})"

    async def connect(self) -> None:
        """Make sure at the start, once, that Redis will take events.

        Raises:
            ServiceError: it is not there, refuses us or refuses to be written to.

        """
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                # No stream can be called "-": the script runs with all it needs, and leaves nothing behind.
                await self._script(stream_keys("-"), self._script_settings)
                await self._forget_old_streams()
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
        calls = [self._send_stream(stream) for stream in self._unconfirmed]
        outcomes = await asyncio.gather(self._enter_streams(), *calls, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _send_stream(self, stream: str) -> None:
        arguments = (*self._script_settings, *_script_events(self._unconfirmed[stream]))
        refused: int = await self._script(stream_keys(stream), arguments)
        del self._unconfirmed[stream]
        if refused:
            self._lost_events += refused
            self._count_skipped()
            self._warn(
                f"holds newer events of a stream than those of this session and refuses {refused}: check "
                "whether two programs publish under one name, or the clock was set back (then delete its key)"
            )

    async def _enter_streams(self) -> None:
        """Say in the registry which streams are alive: on its own, since it may lie on another shard."""
        now = time.monotonic()
        self._heartbeats = {stream: at for stream, at in self._heartbeats.items() if now - at < HEARTBEAT_S}
        due = [stream for stream in self._unconfirmed if stream not in self._heartbeats]
        if due:
            await self._client.zadd(REGISTRY_KEY, dict.fromkeys(due, time.time()))
            await self._forget_old_streams()
            self._heartbeats.update(dict.fromkeys(due, now))

    async def _forget_old_streams(self) -> None:
        await self._client.zremrangebyscore(REGISTRY_KEY, "-inf", time.time() - self._stream_ttl_s)

    async def _set_away(self, failure: Failure) -> None:
        async with self._changed:
            self._away = True
            self._changed.notify_all()
        self._warn(f"{why(failure)}; {len(self._spool)} events wait and follow when it is back")

    def _set_back(self) -> None:
        if self._away:
            self._away = False
            _log.info("Redis at %s is back", self.address)

    def _give_up(self) -> None:
        unconfirmed = (message for messages in self._unconfirmed.values() for message in messages)
        left = len(self._spool) + sum(message.event.seq is not None for message in unconfirmed)
        self._lost_events += left
        self._count_skipped()
        _log.warning(
            "Redis at %s did not come back in time: %d events were not delivered", self.address, left
        )

    def _count_skipped(self) -> None:
        self.skipped_events = self._spool.dropped_events + self._lost_events

    def _warn(self, what: str) -> None:
        now = time.monotonic()
        if now - self._last_warned >= LOG_INTERVAL_S:
            self._last_warned = now
            _log.warning("Redis at %s %s", self.address, what)


def _script_source() -> str:
    return files("cmlstream.stream.sinks").joinpath("publish.lua").read_text()


def _script_events(messages: Sequence[Message]) -> Iterator[str | bytes]:
    for message in messages:
        yield str(_position(message))
        yield message.payload
        yield "1" if _is_estimate(message) else "0"


def _position(message: Message) -> Position:
    """Return where the entry belongs; a notice of dropped events takes the place of the last of them."""
    event = message.event
    seq = event.last_seq if event.seq is None and isinstance(event, Gap) else event.seq
    assert seq is not None
    return Position(message.session_ms, seq)


def _is_estimate(message: Message) -> bool:
    event = message.event
    return isinstance(event, Affect) or (isinstance(event, SpeechEnded) and event.activation is not None)


def _stream(message: Message) -> str:
    return message.event.stream
