"""Publishing to a real Redis, and reading it back as another program would."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis

from cmlstream.stream.events import Affect, Message, SpeechStarted, encode
from cmlstream.stream.redis_keys import stream_keys
from cmlstream.stream.sinks.redis import RedisSink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

SESSION_MS = 1_700_000_000_000
STREAM = "kitchen"
EVENTS, LIVE, LATEST = stream_keys(STREAM)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ESTIMATE: dict[str, Any] = {
    "activation": 0.5,
    "valence": -0.25,
    "emotion": {"anger": 1.0},
    "embedding": (0.0, 1.0),
    "confidence": 0.5,
    "novelty": 0.0,
}


def message(
    seq: int | None,
    kind: type = SpeechStarted,
    stream: str = STREAM,
    session_ms: int = SESSION_MS,
    session: str = "s",
    **fields: Any,
) -> Message:
    event = kind(
        stream=stream,
        session=session,
        seq=seq,
        start_sample=0,
        end_sample=seq or 0,
        start_time=NOON,
        end_time=NOON,
        model="m",
        **fields,
    )
    return Message(event, encode(event), session_ms)


def affect(seq: int) -> Message:
    return message(seq, Affect, **ESTIMATE, speech_s=1.0, baseline_s=0.0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not await condition():  # noqa: ASYNC110 what is waited for happens in another process
            await asyncio.sleep(0.005)


@asynccontextmanager
async def publishing(url: str, **settings: Any) -> AsyncIterator[RedisSink]:
    sink = RedisSink(url, **settings)
    await sink.connect()
    running = asyncio.create_task(sink.run())
    try:
        yield sink
    finally:
        await sink.close()
        await running


async def publish(sink: RedisSink, first: int, last: int) -> None:
    for seq in range(first, last + 1):
        await sink.publish(message(seq))


async def entries(url: str, key: str = EVENTS) -> list[tuple[str, bytes]]:
    async with Redis.from_url(url) as client:
        return [(name.decode(), fields[b"event"]) for name, fields in await client.xrange(key)]


def identifiers(first: int, last: int) -> list[str]:
    return [f"{SESSION_MS}-{seq}" for seq in range(first, last + 1)]


def holds(url: str, count: int) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        async with Redis.from_url(url) as client:
            return await client.xlen(EVENTS) >= count

    return condition


@asynccontextmanager
async def live(url: str) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Subscribe as another program would, and give what returns the next message."""
    async with Redis.from_url(url, socket_timeout=None) as client, client.pubsub() as subscription:
        await subscription.subscribe(LIVE)
        messages = subscription.listen()
        assert (await anext(messages))["type"] == "subscribe"

        async def following() -> bytes:
            async with asyncio.timeout(20):
                return (await anext(messages))["data"]

        yield following
