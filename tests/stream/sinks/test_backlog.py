import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import pytest

from cmlstream.stream.client import Lost, State, follow
from cmlstream.stream.events import Event, Gap, Message, SpeechEnded, decode
from cmlstream.stream.forms import Form
from cmlstream.stream.redis_log import RedisLog
from cmlstream.stream.selection import Selection, Since
from cmlstream.stream.sinks.hub import Hub
from cmlstream.stream.sinks.subscription import Subscription
from tests.stream.conftest import RedisServer
from tests.stream.redis_publishing import holds, publishing, until
from tests.stream.serving import following, run, serving
from tests.stream.serving import read as receive
from tests.stream.synthetic import SyntheticSession

BEGAN = datetime(2020, 1, 1, 12, tzinfo=UTC)


def session(number: int, stream: str = "kitchen") -> SyntheticSession:
    ms = 1_900_000_000_000 + number
    return SyntheticSession(stream, f"{ms}-abc{number}", session_ms=ms)


async def store(url: str, messages: Iterable[Message]) -> None:
    async with publishing(url) as sink:
        for message in messages:
            await sink.publish(message)


async def publish(hub: Hub, messages: Iterable[Message]) -> None:
    for message in messages:
        await hub.publish(message)


@asynccontextmanager
async def hub_over(server: RedisServer, held_messages: int = 10_000) -> AsyncIterator[Hub]:
    """Yield a hub that has just started, over what Redis holds."""
    async with RedisLog(server.url) as log:
        yield Hub(held_messages, log=log)


async def read(subscription: Subscription, count: int) -> list[Event]:
    return [decode(await anext(subscription)) for _ in range(count)]


def places(events: Iterable[Event]) -> list[tuple[str, int | None]]:
    return [(event.session, event.seq) for event in events]


def test_a_restarted_server_tells_every_event_once(redis_server: RedisServer) -> None:
    async def check() -> None:
        before, after = session(1), session(2)
        await store(redis_server.url, [*before.updates(2_500), before.ended()])
        async with hub_over(redis_server) as hub, serving(hub) as address:
            await publish(hub, after.updates(300))
            query = f"?stream=kitchen&since={before.session}:100"
            async with following(address, query) as client:
                events = await receive(client, 2_401)
                await publish(hub, after.updates(200))
                events += await receive(client, 500)
        expected = [(before.session, seq) for seq in range(101, 2_502)]
        assert places(events) == expected + [(after.session, seq) for seq in range(1, 501)]

    run(check())


@pytest.mark.parametrize("streams", [frozenset(), frozenset({"kitchen", "hall"})])
def test_sessions_of_several_streams_go_on_where_each_was_read(
    redis_server: RedisServer, streams: frozenset[str]
) -> None:
    async def check() -> None:
        kitchen, hall, attic = session(1), session(2, "hall"), session(3, "attic")
        await store(redis_server.url, [*kitchen.updates(5), *hall.updates(4), *attic.updates(2)])
        since = Since(sessions={kitchen.session: 3, hall.session: 4})
        async with hub_over(redis_server) as hub, hub.subscribe(Selection(streams, since)) as subscription:
            await publish(hub, [*hall.updates(2), *kitchen.updates(1)])
            events = await read(subscription, 5 if streams else 7)
        whole = [] if streams else [(attic.session, 1), (attic.session, 2)]
        fetched = [(kitchen.session, 4), (kitchen.session, 5)]
        assert places(events) == [
            *whole,
            *fetched,
            (hall.session, 5),
            (hall.session, 6),
            (kitchen.session, 6),
        ]

    run(check())


def test_a_number_alone_means_the_newest_session_that_redis_knows(redis_server: RedisServer) -> None:
    async def check() -> None:
        older, newer = session(1), session(2)
        await store(redis_server.url, [*older.updates(5), older.ended(), *newer.updates(4)])
        async with (
            hub_over(redis_server) as hub,
            hub.subscribe(Selection(frozenset({"kitchen"}), Since(2))) as subscription,
        ):
            assert places(await read(subscription, 2)) == [(newer.session, 3), (newer.session, 4)]

    run(check())


def test_what_the_past_lets_go_while_redis_is_read_comes_from_redis_too(redis_server: RedisServer) -> None:
    async def check() -> None:
        kitchen = session(1)
        await store(redis_server.url, kitchen.updates(300))
        async with (
            hub_over(redis_server, held_messages=50) as hub,
            publishing(redis_server.url) as sink,
            hub.subscribe(Selection(since=Since(sessions={kitchen.session: 0}))) as subscription,
        ):
            events = await read(subscription, 1)
            for stored in range(420, 901, 120):
                for message in kitchen.updates(120):
                    await sink.publish(message)
                    await hub.publish(message)
                await until(holds(redis_server.url, stored))
                events += await read(subscription, 70)
            events += await read(subscription, 900 - len(events))
            await hub.publish(kitchen.affect())
            events += await read(subscription, 1)
        assert places(events) == [(kitchen.session, seq) for seq in range(1, 902)]
        assert hub.skipped_events == 0

    run(check())


def test_only_what_neither_holds_becomes_a_gap(redis_server: RedisServer) -> None:
    async def check() -> None:
        kitchen = session(1)
        stored, lost, held = kitchen.updates(10), kitchen.updates(5), kitchen.updates(10)
        await store(redis_server.url, stored)
        async with hub_over(redis_server, held_messages=10) as hub:
            await publish(hub, [*lost, *held])
            async with hub.subscribe(Selection(since=Since(sessions={kitchen.session: 4}))) as subscription:
                events = await read(subscription, 17)
        gap = events[6]
        assert isinstance(gap, Gap)
        assert (gap.session, gap.first_seq, gap.last_seq) == (kitchen.session, 11, 15)
        assert [event.seq for event in events] == [*range(5, 11), None, *range(16, 26)]

    run(check())


def test_the_form_and_the_types_hold_for_what_redis_holds(redis_server: RedisServer) -> None:
    async def check() -> None:
        kitchen = session(1)
        await store(redis_server.url, [*kitchen.updates(3), kitchen.speech_ended(), kitchen.status()])
        selection = Selection(
            frozenset({"kitchen"}), Since(0), frozenset({SpeechEnded}), Form(embedding=False, features=True)
        )
        async with hub_over(redis_server) as hub, hub.subscribe(selection) as subscription:
            await publish(hub, [*kitchen.updates(1), kitchen.speech_ended()])
            events = await read(subscription, 2)
        assert [event.seq for event in events] == [4, 7]
        assert [bool(event.features) for event in events if isinstance(event, SpeechEnded)] == [False, True]
        assert not any(event.embedding for event in events if isinstance(event, SpeechEnded))

    run(check())


def test_while_redis_is_away_the_past_is_told_with_a_gap_before_it(
    start_redis: Callable[..., RedisServer],
) -> None:
    async def check() -> None:
        server, kitchen = start_redis(), session(1)
        await store(server.url, kitchen.updates(10))
        async with hub_over(server, held_messages=3) as hub:
            server.kill()
            await publish(hub, kitchen.updates(5))
            async with hub.subscribe(Selection(since=Since(sessions={kitchen.session: 4}))) as subscription:
                gap, *events = await read(subscription, 4)
                await publish(hub, kitchen.updates(1))
                events += await read(subscription, 1)
        assert isinstance(gap, Gap)
        assert (gap.first_seq, gap.last_seq) == (5, 12)
        assert [event.seq for event in events] == [13, 14, 15, 16]

    run(check())


def test_many_that_come_back_at_once_all_get_everything(redis_server: RedisServer) -> None:
    async def check() -> None:
        kitchen = session(1)
        await store(redis_server.url, kitchen.updates(200))
        wanted = Selection(frozenset({"kitchen"}), Since(sessions={kitchen.session: 50}))

        async def follow(hub: Hub) -> list[int | None]:
            async with hub.subscribe(wanted) as subscription:
                return [event.seq for event in await read(subscription, 160)]

        async with hub_over(redis_server) as hub:
            following = [asyncio.create_task(follow(hub)) for _ in range(50)]
            await publish(hub, kitchen.updates(10))
            assert await asyncio.gather(*following) == [list(range(51, 211))] * 50

    run(check())


def test_a_subscriber_that_leaves_while_redis_hangs_is_let_go_at_once(redis_server: RedisServer) -> None:
    async def check() -> None:
        await store(redis_server.url, session(1).updates(3))
        async with hub_over(redis_server) as hub, hub.subscribe(Selection(since=Since(0))) as subscription:
            redis_server.freeze()
            reading = asyncio.create_task(anext(subscription, None))
            await asyncio.sleep(0.05)
            subscription.abandon()
            async with asyncio.timeout(1):
                assert await reading is None
            redis_server.thaw()

    run(check())


def test_after_a_restart_only_what_came_since_the_moment_is_read_of_streams_not_named(
    redis_server: RedisServer,
) -> None:
    async def check() -> None:
        moment = BEGAN + timedelta(seconds=10)
        over, quiet = dated("over", 0), dated("quiet", 0)
        kitchen, new = dated("kitchen", 1), dated("new", 11)
        both = [*over.updates(8), over.ended(), *quiet.updates(50), *kitchen.updates(60), *new.updates(3)]
        await store(redis_server.url, both)
        since = Since(sessions={kitchen.session: 58}, moment_s=moment.timestamp())
        async with hub_over(redis_server) as hub, hub.subscribe(Selection(since=since)) as subscription:
            await publish(hub, new.updates(1))
            events = await read(subscription, 16)
        expected = [(kitchen.session, 59), (kitchen.session, 60)]
        expected += [(new.session, 1), (new.session, 2), (new.session, 3)]
        expected += [(quiet.session, seq) for seq in range(41, 51)]
        assert places(events) == [*expected, (new.session, 4)]

    run(check())


def dated(stream: str, began_s: int) -> SyntheticSession:
    """A session that is past already; its events are a quarter of a second long."""
    began = BEGAN + timedelta(seconds=began_s)
    ms = int(began.timestamp() * 1000)
    return SyntheticSession(stream, f"{ms}-{len(stream)}", session_ms=ms, began=began)


def test_while_redis_cannot_tell_what_is_missing_a_follower_is_sent_away_and_then_misses_nothing(
    redis_server: RedisServer,
) -> None:
    async def check() -> None:
        before, after = session(1), session(2)
        await store(redis_server.url, [*before.updates(5), before.ended()])
        states: list[State] = []
        async with hub_over(redis_server) as hub, serving(hub) as address:
            redis_server.kill()
            await publish(hub, after.updates(2))
            asked = follow(address.page_url, since={before.session: 3}, on_state=states.append)
            async with aclosing(asked) as events:
                first = asyncio.create_task(anext(events))
                await until(lambda: asyncio.sleep(0, any(isinstance(state, Lost) for state in states)))
                await asyncio.to_thread(redis_server.start)
                received = [await first, *[await anext(events) for _ in range(4)]]
        assert Lost("Redis cannot tell now what came before", ANY) in states
        expected = [(before.session, seq) for seq in (4, 5, 6)]
        assert places(received) == [*expected, (after.session, 1), (after.session, 2)]

    run(check())


def test_what_is_no_event_is_missing_and_types_of_a_newer_node_are_passed_on(
    redis_server: RedisServer,
) -> None:
    async def check() -> None:
        kitchen = session(1)
        messages = kitchen.updates(9)
        laughter = messages[5].payload.replace(b'"affect"', b'"laughter"')
        for message, payload in ((1, b"junk"), (3, b'{"type":"affect"}'), (5, laughter), (8, b"\xff")):
            messages[message] = replace(messages[message], payload=payload)
        # Without the fifth, a hole lies before the one of the unknown type.
        await store(redis_server.url, [*messages[:4], *messages[5:]])
        selection = Selection(since=Since(sessions={kitchen.session: 0}), form=Form(embedding=False))
        async with hub_over(redis_server) as hub, hub.subscribe(selection) as subscription:
            await publish(hub, kitchen.updates(1))
            payloads = [json.loads(await anext(subscription)) for _ in range(8)]
        told = [one["seq"] or (one["first_seq"], one["last_seq"]) for one in payloads]
        assert told == [1, (2, 2), 3, (4, 5), 6, 7, 8, (9, 9)]
        assert payloads[4]["type"] == "laughter"

    run(check())
