from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.events import SpeechEnded
from cmlstream.stream.redis_keys import REGISTRY_KEY, stream_keys
from cmlstream.stream.sinks.redis import RedisSink
from tests.stream.redis_publishing import (
    ESTIMATE,
    EVENTS,
    LATEST,
    LIVE,
    SESSION_MS,
    STREAM,
    affect,
    entries,
    identifiers,
    live,
    message,
    publish,
    publishing,
    run,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stream.conftest import RedisServer


def test_another_program_finds_every_event_under_the_documented_keys(redis_server: RedisServer) -> None:
    async def check() -> None:
        ended = message(3, SpeechEnded, **ESTIMATE, speech_s=1.0, baseline_s=0.0, forced=False)
        empty = message(4, SpeechEnded, **dict.fromkeys(ESTIMATE), speech_s=0.3, baseline_s=0.0, forced=False)
        sent = [message(1), affect(2), ended, empty]
        before = time.time()
        async with live(redis_server.url) as following, publishing(redis_server.url) as sink:
            for each in sent:
                await sink.publish(each)
            assert [await following() for _ in sent] == [each.payload for each in sent]
        assert sink.skipped_events == 0

        async with Redis.from_url(redis_server.url) as client:
            assert sorted(await client.keys()) == sorted(
                [b"cmlstream:{kitchen}:events", b"cmlstream:{kitchen}:latest", b"cmlstream:streams"]
            )
            assert await entries(redis_server.url) == [
                (f"{SESSION_MS}-{seq}", each.payload) for seq, each in enumerate(sent, 1)
            ]
            assert await client.get(LATEST) == ended.payload
            assert 0 < await client.pttl(LATEST) <= 60_000
            assert 0 < await client.pttl(EVENTS) <= 86_400_000
            assert before <= await client.zscore(REGISTRY_KEY, STREAM) <= time.time()

    run(check())


def test_the_latest_estimate_and_the_stream_are_forgotten(redis_server: RedisServer) -> None:
    async def gone() -> bool:
        async with Redis.from_url(redis_server.url) as client:
            return await client.exists(EVENTS, LATEST) == 0

    async def check() -> None:
        async with publishing(redis_server.url, latest_ttl_s=0.05, stream_ttl_s=0.1) as sink:
            await sink.publish(affect(1))
        await until(gone)

    run(check())


def test_the_registry_forgets_streams_that_have_expired(redis_server: RedisServer) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_server.url) as client:
            await client.zadd(REGISTRY_KEY, {"old": time.time() - 100_000, "recent": time.time() - 10})
            async with publishing(redis_server.url) as sink:
                await sink.publish(message(1))
            assert await client.zrange(REGISTRY_KEY, 0, -1) == [b"recent", STREAM.encode()]

    run(check())


def test_a_stream_keeps_about_as_many_events_as_told(redis_server: RedisServer) -> None:
    async def check() -> None:
        async with publishing(redis_server.url, keep_events=200) as sink:
            await publish(sink, 1, 1000)
        kept = [name for name, _ in await entries(redis_server.url)]
        assert 200 <= len(kept) <= 400
        assert kept == identifiers(1001 - len(kept), 1000)

    run(check())


def test_streams_side_by_side_keep_their_own_order(redis_server: RedisServer) -> None:
    async def check() -> None:
        streams = [f"room-{number}" for number in range(12)]
        async with publishing(redis_server.url) as sink:
            for seq in range(1, 41):
                for stream in streams:
                    await sink.publish(message(seq, stream=stream))
        for stream in streams:
            key, _, _ = stream_keys(stream)
            assert [name for name, _ in await entries(redis_server.url, key)] == identifiers(1, 40)

    run(check())


def test_publish_waits_for_a_redis_that_answers(redis_server: RedisServer) -> None:
    async def check() -> None:
        async with publishing(redis_server.url, spool_events=30) as sink:
            await publish(sink, 1, 500)
        assert [name for name, _ in await entries(redis_server.url)] == identifiers(1, 500)
        assert sink.skipped_events == 0

    run(check())


def test_a_sink_that_never_ran_closes(redis_server: RedisServer) -> None:
    async def check() -> None:
        sink = RedisSink(redis_server.url)
        await sink.connect()
        await sink.close()

    run(check())


def test_a_stream_stays_on_one_shard(
    free_port: Callable[[], int], start_redis: Callable[..., RedisServer]
) -> None:
    """A node in cluster mode refuses a script whose keys lie in different slots."""
    server = start_redis("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    server.cli("cluster", "addslotsrange", "0", "16383")

    async def ready() -> bool:
        return "cluster_state:ok" in server.cli("cluster", "info")

    async def check() -> None:
        await until(ready)
        async with publishing(server.url) as sink:
            for seq in range(1, 11):
                await sink.publish(affect(seq))
        assert [name for name, _ in await entries(server.url)] == identifiers(1, 10)
        assert {key_slot(key.encode()) for key in (EVENTS, LIVE, LATEST)} == {key_slot(STREAM.encode())}

    run(check())


def test_fewer_events_than_a_batch_cannot_be_kept() -> None:
    with pytest.raises(ConfigurationError, match="at least 100 events"):
        RedisSink("redis://127.0.0.1:1", keep_events=99)


def test_what_one_subscriber_alone_is_told_is_not_published() -> None:
    async def check() -> None:
        with pytest.raises(AssertionError, match="not for Redis"):
            await RedisSink("redis://127.0.0.1:1").publish(message(None))

    run(check())
