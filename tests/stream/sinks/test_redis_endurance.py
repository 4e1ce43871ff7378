"""Many faults in a row, under load from several streams."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cmlstream.stream.events import Gap, decode
from cmlstream.stream.redis_client import REPLY_TIMEOUT_S
from cmlstream.stream.redis_keys import stream_keys
from tests.stream.redis_proxy import Proxy
from tests.stream.redis_publishing import (
    entries,
    holds,
    identifiers,
    message,
    publish,
    publishing,
    run,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cmlstream.stream.sinks.redis import RedisSink
    from tests.stream.conftest import RedisServer

STREAMS = ("kitchen", "hall", "cellar", "attic", "garden")
PACE_S = 0.002


async def publish_until(done: asyncio.Event, sink: RedisSink) -> int:
    """Publish to all streams, an event each few milliseconds; returns the last number."""
    seq = 0
    while not done.is_set():
        seq += 1
        for stream in STREAMS:
            await sink.publish(message(seq, stream=stream))
        await asyncio.sleep(PACE_S)
    return seq


async def endure(server: RedisServer, kills: int, **settings: int) -> tuple[RedisSink, int]:
    """Kill the server again and again under load; returns the sink and the last number published."""
    done = asyncio.Event()
    async with publishing(server.url, **settings) as sink:
        publishing_on = asyncio.create_task(publish_until(done, sink))
        for _ in range(kills):
            await until(is_away(sink, False))
            server.kill()
            await until(is_away(sink, True))
            await asyncio.to_thread(server.start)
        await until(is_away(sink, False))
        done.set()
        last = await publishing_on
    return sink, last


def is_away(sink: RedisSink, expected: bool) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return sink.away == expected

    return condition


def covered(payloads: list[bytes]) -> tuple[list[int], int]:
    """Return the numbers delivered or declared missing, in the log's order, and how many are missing."""
    numbers: list[int] = []
    missing = 0
    for event in map(decode, payloads):
        if isinstance(event, Gap):
            assert event.first_seq is not None
            assert event.last_seq is not None
            numbers.extend(range(event.first_seq, event.last_seq + 1))
            missing += event.last_seq - event.first_seq + 1
        else:
            assert event.seq is not None
            numbers.append(event.seq)
    return numbers, missing


def test_nothing_is_lost_or_doubled_when_redis_is_killed_twenty_times_under_load(
    redis_server: RedisServer,
) -> None:
    async def check() -> None:
        sink, last = await endure(redis_server, 20)
        assert sink.skipped_events == 0
        assert sink.waiting_events == 0
        for stream in STREAMS:
            found = await entries(redis_server.url, stream_keys(stream)[0])
            assert [name for name, _ in found] == identifiers(1, last)

    run(check())


def test_what_a_small_spool_cannot_hold_while_redis_is_killed_is_covered_by_gaps(
    redis_server: RedisServer,
) -> None:
    async def check() -> None:
        sink, last = await endure(redis_server, 4, spool_events=20)
        lost = 0
        for stream in STREAMS:
            found = await entries(redis_server.url, stream_keys(stream)[0])
            numbers, missing = covered([payload for _, payload in found])
            assert numbers == list(range(1, last + 1))
            lost += missing
        assert lost == sink.skipped_events > 0

    run(check())


@pytest.mark.parametrize(
    "setting", [("min-replicas-to-write", "1", "0"), ("maxmemory", "1mb", "0")], ids=["unsafe", "full"]
)
def test_a_redis_that_refuses_writes_is_waited_for_by_all_streams(
    redis_server: RedisServer, setting: tuple[str, str, str]
) -> None:
    name, refusing, taking = setting

    async def check() -> None:
        done = asyncio.Event()
        async with publishing(redis_server.url) as sink:
            publishing_on = asyncio.create_task(publish_until(done, sink))
            for _ in range(3):
                redis_server.cli("config", "set", name, refusing)
                await until(is_away(sink, True))
                redis_server.cli("config", "set", name, taking)
                await until(is_away(sink, False))
            done.set()
            last = await publishing_on
        assert sink.skipped_events == 0
        for stream in STREAMS:
            found = await entries(redis_server.url, stream_keys(stream)[0])
            assert [name for name, _ in found] == identifiers(1, last)

    run(check())


def test_a_redis_that_pauses_is_waited_for(redis_server: RedisServer) -> None:
    async def check() -> None:
        async with publishing(redis_server.url) as sink:
            await publish(sink, 1, 10)
            await until(holds(redis_server.url, 10))
            redis_server.cli("client", "pause", str(round(1000 * REPLY_TIMEOUT_S) + 300), "write")
            await publish(sink, 11, 100)
            await until(is_away(sink, True))
            await publish(sink, 101, 200)
            await until(is_away(sink, False))
        # What Redis took in during the pause is done after it, though nobody waits for its answer any more.
        assert [name for name, _ in await entries(redis_server.url)] == identifiers(1, 200)
        assert sink.skipped_events == 0

    run(check())


def test_a_slow_line_delays_but_loses_and_doubles_nothing(redis_server: RedisServer) -> None:
    async def check() -> None:
        proxy = Proxy(redis_server.port)
        async with proxy.serve() as url, publishing(url) as sink:
            proxy.delay_s = 0.2
            await publish(sink, 1, 500)
            assert sink.waiting_events > 0
            await until(holds(redis_server.url, 500))
            assert not sink.away
        assert [name for name, _ in await entries(redis_server.url)] == identifiers(1, 500)

    run(check())


def test_a_reply_that_never_comes_doubles_nothing(redis_server: RedisServer) -> None:
    async def check() -> None:
        proxy = Proxy(redis_server.port)
        async with proxy.serve() as url, publishing(url) as sink:
            proxy.swallows_left = 1
            await publish(sink, 1, 50)
            await until(proxy.done)
            await publish(sink, 51, 100)
            await until(is_away(sink, True))
            await until(is_away(sink, False))
        assert [name for name, _ in await entries(redis_server.url)] == identifiers(1, 100)
        assert sink.skipped_events == 0

    run(check())
