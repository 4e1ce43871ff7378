from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from cmlstream.stream.events import Gap, decode
from cmlstream.stream.redis_client import REPLY_TIMEOUT_S
from cmlstream.stream.redis_keys import stream_keys
from cmlstream.stream.sinks import redis as sink_module
from tests.stream.redis_proxy import Proxy
from tests.stream.redis_publishing import (
    EVENTS,
    SESSION_MS,
    STREAM,
    affect,
    entries,
    holds,
    identifiers,
    live,
    message,
    publish,
    publishing,
    run,
    until,
)

if TYPE_CHECKING:
    import pytest

    from tests.stream.conftest import RedisServer


def test_nothing_is_lost_or_doubled_when_redis_is_killed(redis_server: RedisServer) -> None:
    async def check() -> None:
        async with publishing(redis_server.url) as sink:
            for kills in range(4):
                start = 200 * kills
                await publish(sink, start + 1, start + 100)
                # Only some of the hundred have arrived when it dies.
                await until(holds(redis_server.url, start + 1))
                redis_server.kill()
                await publish(sink, start + 101, start + 200)
                await asyncio.to_thread(redis_server.start)
        assert [name for name, _ in await entries(redis_server.url)] == identifiers(1, 800)
        assert sink.skipped_events == 0

    run(check())


def test_a_lost_reply_doubles_nothing(redis_server: RedisServer) -> None:
    async def check() -> None:
        proxy = Proxy(redis_server.port)
        async with proxy.serve() as url, live(redis_server.url) as following, publishing(url) as sink:
            for first in (1, 11, 21):
                proxy.cuts_left = 2
                await publish(sink, first, first + 9)
                heard = [decode(await following()).seq for _ in range(10)]
                assert heard == list(range(first, first + 10))

                await until(proxy.done)
            await publish(sink, 31, 31)
            assert decode(await following()).seq == 31
        assert [name for name, _ in await entries(redis_server.url)] == identifiers(1, 31)
        assert sink.skipped_events == 0

    run(check())


def test_what_does_not_fit_the_spool_becomes_a_gap(redis_server: RedisServer) -> None:
    async def check() -> None:
        async with publishing(redis_server.url, spool_events=50) as sink:
            await publish(sink, 1, 10)
            await until(holds(redis_server.url, 10))
            redis_server.kill()
            await publish(sink, 11, 300)
            await asyncio.to_thread(redis_server.start)

        found = await entries(redis_server.url)
        (at,) = [place for place, (_, event) in enumerate(found) if isinstance(decode(event), Gap)]
        name, payload = found.pop(at)
        gap = decode(payload)
        assert isinstance(gap, Gap)
        assert gap.seq is None
        assert name == f"{SESSION_MS}-{gap.last_seq}"
        assert gap.first_seq == at + 1
        assert gap.last_seq == 250, "the newest that fit the spool are kept"
        assert [name for name, _ in found] == identifiers(1, at) + identifiers(251, 300)
        assert sink.skipped_events == 250 - at

    run(check())


def test_a_redis_that_hangs_does_not_hold_publish_for_long(redis_server: RedisServer) -> None:
    async def check() -> None:
        async with publishing(redis_server.url, spool_events=10) as sink:
            await publish(sink, 1, 5)
            await until(holds(redis_server.url, 5))
            redis_server.freeze()
            longest_s = 0.0
            for seq in range(6, 41):
                start = time.monotonic()
                await sink.publish(message(seq))
                longest_s = max(longest_s, time.monotonic() - start)
            redis_server.thaw()
            assert longest_s < 2 * REPLY_TIMEOUT_S
        delivered = [decode(event).seq for _, event in await entries(redis_server.url)]
        assert delivered[-10:] == list(range(31, 41))
        assert delivered.count(None) == 1, "one gap"
        assert len(delivered) == len(set(delivered))

    run(check())


def test_a_redis_made_read_only_is_waited_for(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def warned() -> bool:
        return "is a read-only replica" in caplog.text

    async def check() -> None:
        async with publishing(redis_server.url) as sink:
            redis_server.cli("replicaof", "127.0.0.1", "1")
            await publish(sink, 1, 20)
            await until(warned)
            redis_server.cli("replicaof", "no", "one")
            await until(holds(redis_server.url, 20))
        assert [name for name, _ in await entries(redis_server.url)] == identifiers(1, 20)

    run(check())


def test_a_full_redis_is_waited_for(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async def warned() -> bool:
        return "is full" in caplog.text

    async def check() -> None:
        async with publishing(redis_server.url) as sink:
            redis_server.cli("config", "set", "maxmemory", "1mb")
            await publish(sink, 1, 20)
            await until(warned)
            redis_server.cli("config", "set", "maxmemory", "0")
            await until(holds(redis_server.url, 20))

    run(check())


def test_an_older_session_is_refused_and_counted_but_holds_nothing_up(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        async with publishing(redis_server.url) as sink:
            await publish(sink, 1, 3)
        async with publishing(redis_server.url) as late:
            refused, taken = message(1, session_ms=SESSION_MS - 1), message(1, stream="other")
            await late.publish(refused)
            await late.publish(taken)
        assert late.skipped_events == 1
        assert (refused.skipped.events, taken.skipped.events) == (1, 0)
        assert "the clock was set back" in caplog.text
        assert [name for name, _ in await entries(redis_server.url)] == identifiers(1, 3)
        assert len(await entries(redis_server.url, stream_keys("other")[0])) == 1

    run(check())


def test_a_key_that_is_no_stream_holds_nothing_up(redis_server: RedisServer) -> None:
    async def check() -> None:
        redis_server.cli("set", EVENTS, "taken")
        async with publishing(redis_server.url) as sink:
            await publish(sink, 1, 3)
        assert sink.skipped_events == 3

    run(check())


def test_close_gives_up_in_time_and_says_what_was_left(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "DRAIN_S", 0.2)

    async def check() -> None:
        async with publishing(redis_server.url) as sink:
            redis_server.kill()
            await publish(sink, 1, 250)
            start = time.monotonic()
        assert time.monotonic() - start < 4
        assert sink.skipped_events == 250
        assert "250 events were not delivered" in caplog.text

    run(check())


def test_the_log_is_brief_and_names_no_stream(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def away() -> bool:
        return bool(caplog.records)

    async def check() -> None:
        async with publishing(redis_server.url) as sink:
            await sink.publish(affect(1))
            redis_server.kill()
            for seq in range(2, 30):
                await sink.publish(affect(seq))
            await until(away)
            await asyncio.to_thread(redis_server.start)
        assert [record.levelname for record in ours()] == ["WARNING", "INFO"]

    def ours() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name == sink_module.__name__]

    run(check())
    assert f"Redis at 127.0.0.1:{redis_server.port} " in caplog.text
    assert STREAM not in caplog.text
    assert "activation" not in caplog.text
