from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from cmlstream.models.errors import ServiceError
from cmlstream.stream.events import Gap, decode
from cmlstream.stream.redis_keys import REGISTRY_KEY, Position, stream_keys
from cmlstream.stream.redis_log import RedisLog
from cmlstream.stream.selection import Since
from tests.stream.redis_publishing import EVENTS, SESSION_MS, STREAM, message, publish, publishing, run, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from cmlstream.stream.events import Message
    from cmlstream.stream.redis_log import Entry
    from tests.stream.conftest import RedisServer

LATER_MS = SESSION_MS + 60_000
OTHER = "hall"


def numbered(first: int, last: int, **options: Any) -> list[Message]:
    return [message(seq, **options) for seq in range(first, last + 1)]


async def fill(url: str, messages: Iterable[Message], **settings: Any) -> None:
    async with publishing(url, **settings) as sink:
        for each in messages:
            await sink.publish(each)


async def read(url: str, stream: str = STREAM, **options: Any) -> list[Entry]:
    async with RedisLog(url) as log, aclosing(log.read(stream, **options)) as entries:
        return [entry async for entry in entries]


@asynccontextmanager
async def following(url: str, *options: Any) -> AsyncIterator[Callable[[int], Awaitable[list[Entry]]]]:
    """Follow, and give what returns the next entries."""
    async with RedisLog(url) as log, aclosing(log.follow(*options)) as entries:

        async def take(count: int) -> list[Entry]:
            async with asyncio.timeout(20):
                return [await anext(entries) for _ in range(count)]

        yield take


def outline(entries: Iterable[Entry]) -> list[int | tuple[int | None, int | None]]:
    """What arrived: the numbers of events, the ranges of gaps."""
    events = [decode(entry.payload) for entry in entries]
    return [
        (event.first_seq, event.last_seq) if isinstance(event, Gap) else event.seq or 0 for event in events
    ]


def session(started_ms: int = SESSION_MS) -> str:
    return f"{started_ms}-abc123"


def test_a_log_of_many_pages_is_read_in_order(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmlstream.stream.redis_reader.PAGE_ENTRIES", 7)
    monkeypatch.setattr("cmlstream.stream.redis_log.PAGE_ENTRIES", 7)

    async def check() -> None:
        sent = numbered(1, 28) + numbered(1, 3, session_ms=LATER_MS)
        await fill(redis_server.url, sent)
        found = await read(redis_server.url, session=session(), after_seq=0)
        assert [entry.payload for entry in found] == [each.payload for each in sent]
        assert found[0].position == Position(SESSION_MS, 1)
        assert found[-1].position == Position(LATER_MS, 3)

    run(check())


def test_reading_begins_behind_what_was_read_and_ends_before_what_is_held(redis_server: RedisServer) -> None:
    async def check() -> None:
        url = redis_server.url
        await fill(url, numbered(1, 9) + numbered(1, 5, session_ms=LATER_MS))
        assert outline(await read(url)) == [1, 2, 3, 4, 5], "the newest session"
        assert outline(await read(url, after_seq=3)) == [4, 5]
        assert outline(await read(url, session=session(), after_seq=7)) == [8, 9, 1, 2, 3, 4, 5]
        held = message(3, session_ms=LATER_MS)
        assert outline(await read(url, session=session(), after_seq=8, before=held)) == [9, 1, 2]
        assert outline(await read(url, "nobody")) == []

    run(check())


def test_what_is_not_in_redis_yet_is_a_gap_before_what_is_held(redis_server: RedisServer) -> None:
    async def check() -> None:
        url = redis_server.url
        await fill(url, numbered(1, 4))
        (*_, last) = found = await read(url, session=session(), after_seq=2, before=message(9))
        assert outline(found) == [3, 4, (5, 8)]
        assert last.position == Position(SESSION_MS, 8)
        held = message(3, session_ms=LATER_MS)
        assert outline(await read(url, session=session(), after_seq=4, before=held)) == [(1, 2)]

    run(check())


def test_what_was_trimmed_is_a_gap(redis_server: RedisServer) -> None:
    async def check() -> None:
        url = redis_server.url
        await fill(url, numbered(1, 20) + numbered(1, 5, session_ms=LATER_MS))
        redis_server.cli("xtrim", EVENTS, "minid", f"{SESSION_MS}-15")
        assert outline(await read(url, session=session(), after_seq=10))[:2] == [(11, 14), 15]
        assert outline(await read(url, session=session(), after_seq=14))[0] == 15
        redis_server.cli("xtrim", EVENTS, "minid", f"{LATER_MS}-3")
        assert outline(await read(url, session=session(), after_seq=14)) == [(15, None), (1, 2), 3, 4, 5]

    run(check())


def test_the_publishers_own_notice_of_a_loss_is_not_told_twice(redis_server: RedisServer) -> None:
    async def check() -> None:
        async with publishing(redis_server.url, spool_events=50) as sink:
            await publish(sink, 1, 10)
            await until(lambda: _holds(redis_server.url, 10))
            redis_server.kill()
            await publish(sink, 11, 300)
            await asyncio.to_thread(redis_server.start)
        told = outline(await read(redis_server.url, session=session()))
        (gap,) = [each for each in told if isinstance(each, tuple)]
        assert gap[1] == 250
        assert told == [*range(1, gap[0] or 0), gap, *range(251, 301)]

    run(check())


def test_following_one_stream_replays_and_goes_on_live(redis_server: RedisServer) -> None:
    async def check() -> None:
        url = redis_server.url
        async with publishing(url) as sink:
            await publish(sink, 1, 5)
            await until(lambda: _holds(url, 5))
            async with following(url, [STREAM], Since(2)) as take:
                await publish(sink, 6, 7)
                assert outline(await take(5)) == [3, 4, 5, 6, 7]
                await sink.publish(message(1, session_ms=LATER_MS))
                assert outline(await take(1)) == [1]

    run(check())


def test_following_all_streams_finds_new_ones_and_begins_with_their_first_event(
    redis_server: RedisServer,
) -> None:
    async def check() -> None:
        url = redis_server.url
        async with publishing(url) as sink:
            await publish(sink, 1, 5)
            await until(lambda: _holds(url, 5))
            async with following(url) as take:
                for each in numbered(1, 3, stream=OTHER):
                    await sink.publish(each)
                found = await take(3)
                assert [entry.stream for entry in found] == [OTHER] * 3
                assert outline(found) == [1, 2, 3]
                await publish(sink, 6, 6)
                assert outline(await take(1)) == [6], "what was there before is not replayed"

    run(check())


def test_many_streams_are_followed_each_in_its_order(redis_server: RedisServer) -> None:
    async def check() -> None:
        streams = [f"room-{number}" for number in range(30)]
        async with (
            publishing(redis_server.url) as sink,
            following(redis_server.url, streams, Since(0)) as take,
        ):
            for seq in range(1, 21):
                for stream in streams:
                    await sink.publish(message(seq, stream=stream))
            found = await take(600)
        for stream in streams:
            assert outline(entry for entry in found if entry.stream == stream) == list(range(1, 21))

    run(check())


def test_sessions_named_are_looked_for_in_the_stream_they_belong_to(redis_server: RedisServer) -> None:
    async def check() -> None:
        named = {"kitchen": session(), "hall": f"{SESSION_MS}-def456"}
        sent = [message(seq, stream=stream, session=named[stream]) for stream in named for seq in (1, 2, 3)]
        later = [message(1, stream=STREAM, session=session(LATER_MS), session_ms=LATER_MS)]
        new = numbered(1, 2, stream="cellar", session="1800000000000-aaaaaa", session_ms=1_800_000_000_000)
        await fill(redis_server.url, sent + later + new)
        since = Since(sessions={named["kitchen"]: 2, named["hall"]: 1})
        async with following(redis_server.url, (), since) as take:
            found = await take(6)
        assert {
            stream: outline(entry for entry in found if entry.stream == stream)
            for stream in ("kitchen", "hall", "cellar")
        } == {"kitchen": [3, 1], "hall": [2, 3], "cellar": [1, 2]}

    run(check())


def test_of_streams_that_are_not_named_later_sessions_are_read_and_those_that_go_on(
    redis_server: RedisServer,
) -> None:
    async def check() -> None:
        url, named = redis_server.url, session()
        older = [message(seq, stream=OTHER, session_ms=SESSION_MS - 1) for seq in (1, 2, 3)]
        await fill(url, [*older[:2], *numbered(1, 3, session=named)])
        await fill(url, numbered(1, 2, stream="cellar", session_ms=LATER_MS))
        async with following(url, (), Since(sessions={named: 2})) as take:
            found = await take(3)
            await fill(url, older[2:])
            found += await take(1)
        assert {
            stream: outline(entry for entry in found if entry.stream == stream)
            for stream in (STREAM, OTHER, "cellar")
        } == {STREAM: [3], OTHER: [3], "cellar": [1, 2]}
        assert len(await read(url, OTHER, since=Since(moment_s=-1.0))) == 3

    run(check())


def test_what_is_no_event_does_not_end_following_and_is_a_gap(redis_server: RedisServer) -> None:
    async def check() -> None:
        url = redis_server.url
        await fill(url, numbered(1, 2))
        async with following(url, (), Since(0)) as take:
            assert outline(await take(2)) == [1, 2]
            redis_server.cli("xadd", EVENTS, f"{SESSION_MS}-3", "event", "junk")
            redis_server.cli("xadd", EVENTS, f"{SESSION_MS}-4", "event", "more of it")
            await fill(url, numbered(5, 6))
            assert outline(await take(3)) == [(3, 4), 5, 6]
            redis_server.cli("xadd", EVENTS, f"{SESSION_MS}-7", "event", "junk")
            await fill(url, numbered(1, 1, session_ms=LATER_MS))
            assert outline(await take(2)) == [(7, None), 1]

    run(check())


def test_a_follower_loses_and_repeats_nothing_when_redis_is_killed(redis_server: RedisServer) -> None:
    async def check() -> None:
        url = redis_server.url
        async with publishing(url) as sink, RedisLog(url) as log, aclosing(log.follow()) as entries:
            told: list[Entry] = []

            async def listen() -> None:
                async for entry in entries:
                    told.append(entry)
                    if len(told) == 600:
                        return

            listening = asyncio.create_task(listen())
            for kills in range(3):
                await publish(sink, 200 * kills + 1, 200 * kills + 100)
                await until(lambda first=200 * kills: _longer(told, first))  # type: ignore[misc]
                redis_server.kill()
                await until(lambda: _is_away(log))
                await publish(sink, 200 * kills + 101, 200 * kills + 200)
                await asyncio.to_thread(redis_server.start)
            async with asyncio.timeout(20):
                await listening
            assert not log.away
        assert outline(told) == list(range(1, 601))

    run(check())


def test_a_follower_notices_a_redis_that_hangs(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        url = redis_server.url
        async with publishing(url) as sink, RedisLog(url) as log, aclosing(log.follow([STREAM])) as entries:
            await publish(sink, 1, 1)
            await anext(entries)
            redis_server.freeze()
            waiting = asyncio.ensure_future(anext(entries))
            await until(lambda: _is_away(log))
            redis_server.thaw()
            await publish(sink, 2, 2)
            assert outline([await waiting]) == [2]
        assert caplog.text.count("does not answer within") >= 1
        assert STREAM not in caplog.text

    run(check())


def test_what_is_trimmed_before_a_slow_follower_reads_it_is_a_gap(redis_server: RedisServer) -> None:
    async def check() -> None:
        url = redis_server.url
        await fill(url, numbered(1, 700))
        async with following(url, [STREAM], Since(0)) as take:
            first = await take(1)
            await fill(url, numbered(701, 3000), keep_events=100)
            rest = outline(first)
            while rest[-1] != 3000:
                rest += outline(await take(1))
        gaps = [each for each in rest if isinstance(each, tuple)]
        assert len(gaps) == 1
        first_seq, last_seq = gaps[0]
        assert first_seq
        assert last_seq
        assert rest == [*range(1, first_seq), gaps[0], *range(last_seq + 1, 3001)]

    run(check())


def test_a_key_that_is_no_log_does_not_hold_the_others_up(redis_server: RedisServer) -> None:
    async def check() -> None:
        redis_server.cli("set", stream_keys("odd")[0], "taken")
        redis_server.cli("zadd", REGISTRY_KEY, "1e11", "odd", "1e11", "../not a name")
        async with RedisLog(redis_server.url) as log:
            assert await log.streams() == ["odd"]
        async with publishing(redis_server.url) as sink, following(redis_server.url) as take:
            await publish(sink, 1, 2)
            assert outline(await take(2)) == [1, 2]

    run(check())


def test_streams_are_named_by_their_newest_activity(redis_server: RedisServer) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_server.url) as client:
            await client.zadd(REGISTRY_KEY, {"old": 10, "new": 30, "middle": 20})
        async with RedisLog(redis_server.url) as log:
            assert await log.streams() == ["new", "middle", "old"]

    run(check())


def test_a_redis_that_is_not_there_is_a_sentence(redis_server: RedisServer) -> None:
    async def check() -> None:
        async with RedisLog(redis_server.url) as log:
            redis_server.kill()
            for refused in (log.streams(), anext(log.read(STREAM)), anext(log.follow())):
                with pytest.raises(
                    ServiceError, match=r"Redis at 127\.0\.0\.1:\d+ (hangs up|cannot be reached)"
                ):
                    await refused
        with pytest.raises(ServiceError, match="cannot be reached"):
            await RedisLog(redis_server.url).__aenter__()

    run(check())


def test_closing_ends_every_task(redis_server: RedisServer) -> None:
    async def check() -> None:
        before = asyncio.all_tasks()
        async with following(redis_server.url) as take:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await take(1)
        assert asyncio.all_tasks() == before

    run(check())


async def _holds(url: str, count: int) -> bool:
    async with Redis.from_url(url) as client:
        return await client.xlen(EVENTS) >= count


async def _longer(told: list[Entry], count: int) -> bool:
    return len(told) > count


async def _is_away(log: RedisLog) -> bool:
    return log.away
