"""What one stream cannot deliver holds up no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.asyncio import Redis

from cmlstream.stream.events import Gap, decode
from cmlstream.stream.redis_keys import REGISTRY_KEY, stream_keys
from cmlstream.stream.sinks import redis as sink_module
from tests.stream.redis_publishing import (
    EVENTS,
    STREAM,
    entries,
    identifiers,
    message,
    publishing,
    run,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

    from cmlstream.stream.sinks.redis import RedisSink
    from tests.stream.conftest import RedisServer

LAST_IDENTIFIER = "18446744073709551615-18446744073709551615"
OTHERS = ("hall", "cellar")


async def publish(sink: RedisSink, streams: tuple[str, ...], first: int, last: int) -> None:
    for seq in range(first, last + 1):
        for stream in streams:
            await sink.publish(message(seq, stream=stream))


def arrived(url: str, stream: str, count: int) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return len(await entries(url, stream_keys(stream)[0])) >= count

    return condition


def test_a_stream_that_redis_does_not_take_waits_apart(redis_server: RedisServer) -> None:
    redis_server.cli("xadd", EVENTS, LAST_IDENTIFIER, "event", "the last that fits")

    async def check() -> None:
        async with publishing(redis_server.url, spool_events=50) as sink:
            await publish(sink, (STREAM, *OTHERS), 1, 300)
            for other in OTHERS:
                await until(arrived(redis_server.url, other, 300))
            assert sink.away
            assert sink.skipped_events > 0
            redis_server.cli("del", EVENTS)
            await publish(sink, (STREAM, *OTHERS), 301, 310)
        for other in OTHERS:
            found = await entries(redis_server.url, stream_keys(other)[0])
            assert [name for name, _ in found] == identifiers(1, 310)
        events = [decode(payload) for _, payload in await entries(redis_server.url)]
        (gap,) = [event for event in events if isinstance(event, Gap)]
        assert gap.first_seq is not None
        assert gap.last_seq is not None
        lost = range(gap.first_seq, gap.last_seq + 1)
        assert [event.seq for event in events if event is not gap] == [
            seq for seq in range(1, 311) if seq not in lost
        ]
        assert sink.skipped_events == len(lost)

    run(check())


def test_a_registry_that_cannot_be_written_holds_no_event_up(redis_server: RedisServer) -> None:
    async def registered() -> bool:
        async with Redis.from_url(redis_server.url) as client:
            return await client.zcard(REGISTRY_KEY) == 1 + len(OTHERS)

    async def check() -> None:
        async with publishing(redis_server.url) as sink:
            redis_server.cli("set", REGISTRY_KEY, "taken")
            await publish(sink, (STREAM,), 1, 1)
            await until(arrived(redis_server.url, STREAM, 1))
            await publish(sink, OTHERS, 1, 3)
            for other in OTHERS:
                await until(arrived(redis_server.url, other, 3))
            assert sink.away
            redis_server.cli("del", REGISTRY_KEY)
            await until(registered)
        assert sink.skipped_events == 0
        assert not sink.away

    run(check())


def test_what_never_arrives_does_not_keep_the_sink_from_closing(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "DRAIN_S", 0.2)
    redis_server.cli("xadd", EVENTS, LAST_IDENTIFIER, "event", "the last that fits")

    async def check() -> None:
        async with publishing(redis_server.url) as sink:
            await publish(sink, (STREAM, *OTHERS), 1, 10)
            for other in OTHERS:
                await until(arrived(redis_server.url, other, 10))
        assert sink.skipped_events == 10

    run(check())
