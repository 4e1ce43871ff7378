import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.stream.events import Event, Gap, Message, SpeechEnded, SpeechStarted, decode
from cmlstream.stream.forms import Form
from cmlstream.stream.selection import Selection, Since
from cmlstream.stream.session import Session
from cmlstream.stream.sinks import past
from cmlstream.stream.sinks.audience import WOKEN_AT_ONCE
from cmlstream.stream.sinks.hub import Hub
from cmlstream.stream.sinks.subscription import Subscription
from tests.stream.synthetic import SyntheticSession

EVERYTHING = Selection()
FROM_THE_BEGINNING = Selection(since=Since(0))


def run(test: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await test

    asyncio.run(limited())


async def publish(hub: Hub, messages: Iterable[Message]) -> None:
    for message in messages:
        await hub.publish(message)


async def read(subscription: Subscription, count: int) -> list[Event]:
    return [decode(await anext(subscription)) for _ in range(count)]


async def read_to_the_end(subscription: Subscription) -> list[Event]:
    return [decode(payload) async for payload in subscription]


def numbers(events: Sequence[Event]) -> list[int | None]:
    return [event.seq for event in events]


def test_a_subscriber_gets_every_event_in_order_as_it_was_encoded() -> None:
    async def check() -> None:
        hub = Hub()
        messages = list(SyntheticSession().conversation(regions=3, updates=5))
        async with hub.subscribe(EVERYTHING) as subscription:
            await publish(hub, messages)
            received = [await anext(subscription) for _ in messages]
        assert [id(payload) for payload in received] == [id(message.payload) for message in messages]
        assert hub.skipped_events == 0

    run(check())


def test_without_since_only_what_comes_from_now_on_is_delivered() -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        await publish(hub, session.updates(3))
        async with hub.subscribe(EVERYTHING) as subscription:
            await publish(hub, session.updates(2))
            assert numbers(await read(subscription, 2)) == [4, 5]

    run(check())


def test_a_selection_leaves_other_streams_out() -> None:
    async def check() -> None:
        hub, kitchen, hall = Hub(), SyntheticSession("kitchen", "k"), SyntheticSession("hall", "h")
        await publish(hub, [kitchen.affect(), hall.affect()])
        async with hub.subscribe(Selection(frozenset({"hall"}), Since(0))) as subscription:
            await publish(hub, [kitchen.affect(), hall.affect()])
            events = await read(subscription, 2)
        assert [(event.stream, event.seq) for event in events] == [("hall", 1), ("hall", 2)]

    run(check())


def test_a_full_queue_skips_its_oldest_events_and_says_which_in_their_place() -> None:
    async def check() -> None:
        hub, session = Hub(queued_messages=4), SyntheticSession()
        async with hub.subscribe(EVERYTHING) as slow, hub.subscribe(EVERYTHING) as other:
            await publish(hub, session.updates(2))
            assert numbers(await read(slow, 1)) == [1]
            assert numbers(await read(other, 2)) == [1, 2]
            await publish(hub, session.updates(3))
            assert numbers(await read(other, 3)) == [3, 4, 5]
            await publish(hub, session.updates(3))
            gap, *rest = await read(slow, 5)
            assert numbers(await read(other, 3)) == [6, 7, 8]
        assert isinstance(gap, Gap)
        assert (gap.kind, gap.seq, gap.first_seq, gap.last_seq) == ("events", None, 2, 4)
        assert (gap.start_sample, gap.end_sample) == (4_000, 16_000)
        assert (gap.end_time - gap.start_time).total_seconds() == 0.75
        assert numbers(rest) == [5, 6, 7, 8]
        assert hub.skipped_events == 3

    run(check())


def test_what_a_slow_follower_misses_counts_for_the_session_that_it_is_of() -> None:
    async def check() -> None:
        hub, kitchen, hall = Hub(queued_messages=2), Session("kitchen", "test 1"), Session("hall", "test 1")
        async with hub.subscribe(EVERYTHING):
            for session in (kitchen, hall, kitchen, kitchen, kitchen):
                await hub.publish(session.seal(SpeechStarted(**session.stamp(0, 320))))
        assert (kitchen.skipped.events, hall.skipped.events, hub.skipped_events) == (2, 1, 3)

    run(check())


def test_a_gap_is_told_for_each_session_that_lost_events() -> None:
    async def check() -> None:
        hub, kitchen, hall = (
            Hub(queued_messages=2),
            SyntheticSession("kitchen", "k"),
            SyntheticSession("hall", "h"),
        )
        async with hub.subscribe(EVERYTHING) as subscription:
            await publish(hub, [kitchen.affect(), hall.affect(), kitchen.affect(), hall.affect()])
            await publish(hub, [kitchen.affect()])
            gaps = await read(subscription, 2)
            assert [(gap.session, gap.first_seq, gap.last_seq) for gap in gaps if isinstance(gap, Gap)] == [
                ("k", 1, 2),
                ("h", 1, 1),
            ]
            assert [(event.session, event.seq) for event in await read(subscription, 2)] == [
                ("h", 2),
                ("k", 3),
            ]

    run(check())


@given(
    steps=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20),
    capacity=st.integers(1, 12),
    held=st.integers(1, 12),
    since=st.none() | st.integers(0, 12),
)
def test_events_and_gaps_together_have_no_hole_and_no_repeat(
    steps: list[tuple[int, int]], capacity: int, held: int, since: int | None
) -> None:
    async def check() -> None:
        hub, session = Hub(held, capacity), SyntheticSession()
        await publish(hub, session.updates(12))
        following = 13 if since is None else since + 1
        async with hub.subscribe(Selection(since=None if since is None else Since(since))) as subscription:
            received = []
            for published, taken in steps:
                await publish(hub, session.updates(published))
                received += await read_available(subscription, taken)
            subscription.finish()
            received += await read_to_the_end(subscription)
        for event in received:
            first, last = (
                (event.first_seq, event.last_seq) if isinstance(event, Gap) else (event.seq, event.seq)
            )
            assert first == following
            assert last is not None
            following = last + 1
        assert following == 13 + sum(published for published, _ in steps)
        first_held = 13 - min(held, 12)
        assert hub.skipped_events == sum(
            gap.last_seq - max(gap.first_seq, first_held) + 1
            for gap in received
            if isinstance(gap, Gap) and gap.last_seq and gap.first_seq and gap.last_seq >= first_held
        )

    run(check())


async def read_available(subscription: Subscription, count: int) -> list[Event]:
    """Read up to `count` events without waiting for one that has not been published."""
    received: list[Event] = []
    while len(received) < count:
        following = asyncio.ensure_future(anext(subscription))
        for _ in range(3):
            await asyncio.sleep(0)
        if not following.done():
            following.cancel()
            break
        received.append(decode(following.result()))
    return received


def test_since_goes_on_after_a_number_of_the_newest_session() -> None:
    async def check() -> None:
        hub, older, newer = Hub(), SyntheticSession(session="old"), SyntheticSession(session="new")
        await publish(hub, [*older.updates(5), older.ended(), *newer.updates(4)])
        async with hub.subscribe(Selection(since=Since(2))) as subscription:
            await publish(hub, newer.updates(1))
            events = await read(subscription, 3)
        assert [(event.session, event.seq) for event in events] == [("new", 3), ("new", 4), ("new", 5)]

    run(check())


def test_a_client_that_names_its_session_misses_nothing_when_a_new_one_has_begun() -> None:
    async def check() -> None:
        hub, older, newer = Hub(), SyntheticSession(session="old"), SyntheticSession(session="new")
        await publish(hub, [*older.updates(2), older.ended(), *newer.updates(2)])
        async with hub.subscribe(Selection(since=Since(sessions={"old": 2}))) as subscription:
            events = await read(subscription, 3)
        assert [(event.session, event.seq) for event in events] == [("old", 3), ("new", 1), ("new", 2)]

    run(check())


def test_of_streams_that_are_not_named_only_what_began_later_is_told() -> None:
    async def check() -> None:
        hub = Hub()
        older, named, newer = (
            SyntheticSession(f"room-{ms}", f"{ms}-ab", session_ms=ms) for ms in (1_000, 2_000, 3_000)
        )
        await publish(hub, [older.started(), older.ended(), *named.updates(2), *newer.updates(2)])
        async with hub.subscribe(Selection(since=Since(sessions={"2000-ab": 1}))) as subscription:
            events = await read(subscription, 3)
        assert [(event.session, event.seq) for event in events] == [
            ("2000-ab", 2),
            ("3000-ab", 1),
            ("3000-ab", 2),
        ]

    run(check())


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(1, 12), st.integers(0, 12))
def test_after_a_moment_all_that_came_later_is_told_or_missing(
    order: list[str], held: int, earlier: int
) -> None:
    async def check() -> None:
        hub, sessions = Hub(held), {name: SyntheticSession(name, name) for name in "abc"}
        messages = [sessions[name].affect() for name in order]
        await publish(hub, messages[:earlier])
        moment_s = time.time()
        await publish(hub, messages[earlier:])
        async with hub.subscribe(Selection(since=Since(moment_s=moment_s))) as subscription:
            events = await read_available(subscription, len(messages) + 4)
        later = [message.event for message in messages[earlier:]]
        assert [event for event in events if not isinstance(event, Gap)] == later[-held:]
        gaps = {event.session for event in events if isinstance(event, Gap)}
        assert gaps == {event.session for event in later[:-held]}

    run(check())


def test_what_is_no_longer_held_is_told_before_what_is() -> None:
    async def check() -> None:
        hub, session = Hub(held_messages=3), SyntheticSession()
        await publish(hub, session.updates(10))
        async with hub.subscribe(Selection(since=Since(4))) as subscription:
            gap, *rest = await read(subscription, 4)
        assert isinstance(gap, Gap)
        assert (gap.kind, gap.seq, gap.first_seq, gap.last_seq) == ("events", None, 5, 7)
        assert gap.end_sample == 7 * 4_000
        assert numbers(rest) == [8, 9, 10]

    run(check())


def test_a_quiet_stream_pushed_out_by_a_busy_one_is_told_as_a_gap() -> None:
    async def check() -> None:
        hub, quiet, busy = Hub(held_messages=5), SyntheticSession("quiet", "q"), SyntheticSession("busy", "b")
        await publish(hub, [*quiet.updates(3), *busy.updates(20)])
        async with hub.subscribe(Selection(frozenset({"quiet"}), Since(1))) as subscription:
            await publish(hub, quiet.updates(1))
            gap, event = await read(subscription, 2)
        assert isinstance(gap, Gap)
        assert (gap.first_seq, gap.last_seq, event.seq) == (2, 3, 4)

    run(check())


def test_sessions_that_are_over_and_no_longer_held_are_forgotten() -> None:
    async def check() -> None:
        hub, over = Hub(held_messages=2), SyntheticSession("over", "o")
        await publish(hub, [*over.updates(3), over.ended(), *SyntheticSession("live", "l").updates(2)])
        async with hub.subscribe(FROM_THE_BEGINNING) as subscription:
            assert {event.stream for event in await read(subscription, 2)} == {"live"}

    run(check())


def test_sessions_that_began_while_a_client_was_away_are_all_replayed() -> None:
    async def check() -> None:
        hub = Hub()
        sessions = [
            SyntheticSession(session=f"{ms}-ab", session_ms=ms) for ms in (1_000, 2_000, 3_000, 4_000)
        ]
        for session in sessions:
            await publish(hub, [*session.updates(1), session.ended()])
        expected = [("3000-ab", 1), ("3000-ab", 2), ("4000-ab", 1), ("4000-ab", 2)]
        for named in ({"2000-ab": 2}, {"1000-ab": 2, "2000-ab": 2}, {"2000-ab": 2, "1500-cd": 9}):
            async with hub.subscribe(Selection(since=Since(sessions=named))) as subscription:
                events = await read(subscription, len(expected))
            assert [(event.session, event.seq) for event in events] == expected

    run(check())


def test_a_named_session_that_is_over_and_no_longer_held_is_told_as_a_gap() -> None:
    async def check() -> None:
        hub, over = Hub(held_messages=2), SyntheticSession("over", "o")
        await publish(hub, [*over.updates(3), over.ended(), *SyntheticSession("live", "l").updates(2)])
        async with hub.subscribe(Selection(since=Since(sessions={"o": 1}))) as subscription:
            (gap,) = await read(subscription, 1)
        assert isinstance(gap, Gap)
        assert (gap.stream, gap.first_seq, gap.last_seq) == ("over", 2, 4)

    run(check())


def test_what_is_remembered_of_sessions_that_are_over_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "REMEMBERED_SESSIONS", 3)

    async def check() -> None:
        hub = Hub(held_messages=1)
        for index in range(10):
            session = SyntheticSession(session=f"s{index}")
            await publish(hub, [session.affect(), session.ended()])
        named = Since(sessions={f"s{index}": 0 for index in range(10)})
        async with hub.subscribe(Selection(since=named)) as subscription:
            events = await read(subscription, 5)
        assert [event.session for event in events] == ["s6", "s7", "s8", "s9", "s9"]

    run(check())


def test_types_that_were_not_asked_for_are_neither_told_nor_missed() -> None:
    async def check() -> None:
        hub, session = Hub(held_messages=8, queued_messages=2), SyntheticSession()
        regions = Selection(since=Since(0), kinds=frozenset({SpeechStarted, SpeechEnded}))
        await publish(hub, [*session.updates(2), session.status(), *session.updates(5)])
        async with hub.subscribe(regions) as subscription:
            await publish(hub, [session.speech_started(), *session.updates(3), session.speech_ended()])
            assert numbers(await read(subscription, 2)) == [9, 13]
            assert await read_available(subscription, 1) == []
            await publish(hub, [session.speech_started(), *session.updates(30), session.speech_ended()])
            assert numbers(await read(subscription, 2)) == [14, 45]
        assert hub.skipped_events == 0
        async with hub.subscribe(regions) as subscription:
            gap, event = await read(subscription, 2)
        assert isinstance(gap, Gap)
        assert (gap.first_seq, gap.last_seq, event.seq) == (1, 14, 45)

    run(check())


def test_each_subscriber_gets_the_form_it_asked_for_live_and_replayed() -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        full, brief = Form(features=True), Form(embedding=False)
        await publish(hub, session.updates(1))
        async with (
            hub.subscribe(Selection(since=Since(0), form=full)) as one,
            hub.subscribe(Selection(since=Since(0), form=full)) as two,
            hub.subscribe(Selection(since=Since(0), form=brief)) as three,
        ):
            for _ in range(2):
                payloads = [await anext(one), await anext(two), await anext(three)]
                await publish(hub, session.updates(1))
                assert payloads[0] is payloads[1]
                assert [b'"features"' in payload for payload in payloads] == [True, True, False]
                assert [b'"embedding"' in payload for payload in payloads] == [True, True, False]

    run(check())


@pytest.mark.parametrize("closing", [False, True])
def test_a_walk_through_the_past_that_is_too_slow_is_told_what_it_missed(closing: bool) -> None:
    async def check() -> None:
        hub, session, other = Hub(held_messages=600), SyntheticSession(), SyntheticSession("hall", "h")
        await publish(hub, session.updates(600))
        async with hub.subscribe(Selection(frozenset({"kitchen"}), Since(0))) as subscription:
            events = await read(subscription, 1)
            await publish(hub, session.updates(300))
            await publish(hub, other.updates(200))
            if closing:
                subscription.finish()
            events += await read(subscription, 656)
        first, gap, rest = events[:256], events[256], events[257:]
        assert numbers(first) == list(range(1, 257))
        assert isinstance(gap, Gap)
        assert (gap.first_seq, gap.last_seq) == (257, 500)
        assert numbers(rest) == list(range(501, 900 + 1))
        assert hub.skipped_events == 244

    run(check())


def test_a_thousand_waiting_subscribers_are_woken_a_few_at_a_time() -> None:
    async def check() -> None:
        hub, session, turns = Hub(), SyntheticSession(), []

        async def follow() -> None:
            async with hub.subscribe(EVERYTHING) as subscription:
                turns.extend([turn async for _ in subscription])

        readers = [asyncio.create_task(follow()) for _ in range(1_000)]
        await asyncio.sleep(0)
        turn = 0
        publishing = asyncio.create_task(publish(hub, session.updates(2)))
        while not publishing.done():
            turn += 1
            await asyncio.sleep(0)
        await hub.close()
        await asyncio.gather(*readers)
        assert len(turns) == 2_000
        assert max(Counter(turns).values()) <= 2 * WOKEN_AT_ONCE
        assert hub.skipped_events == 0

    run(check())


def test_closing_delivers_what_is_queued_then_ends() -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        running = asyncio.create_task(hub.run())
        async with hub.subscribe(EVERYTHING) as subscription:
            await publish(hub, [*session.updates(3), session.ended()])
            closing = asyncio.create_task(hub.close())
            await asyncio.sleep(0)
            assert not running.done()
            assert numbers(await read_to_the_end(subscription)) == [1, 2, 3, 4]
        await closing
        await running
        assert hub.close_reason == "server stops"

    run(check())


def test_closing_gives_up_on_a_subscriber_that_does_not_read() -> None:
    async def check() -> None:
        hub, session = Hub(drain_timeout_s=0.05), SyntheticSession()
        async with hub.subscribe(EVERYTHING) as subscription:
            await publish(hub, session.updates(3))
            await hub.close()
            assert await read_to_the_end(subscription) == []

    run(check())


def test_closing_again_waits_for_nobody() -> None:
    async def check() -> None:
        hub = Hub(drain_timeout_s=0.0)
        async with hub.subscribe(EVERYTHING):
            await hub.close()
            second = hub.close()
            with pytest.raises(StopIteration):
                second.send(None)

    run(check())


def test_after_closing_the_past_can_still_be_read() -> None:
    async def check() -> None:
        hub = Hub()
        await publish(hub, SyntheticSession().updates(3))
        await hub.close()
        async with hub.subscribe(FROM_THE_BEGINNING) as subscription:
            assert numbers(await read_to_the_end(subscription)) == [1, 2, 3]

    run(check())


def test_cancelling_a_wait_loses_no_event() -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        async with hub.subscribe(EVERYTHING) as subscription:
            waiting = asyncio.create_task(read(subscription, 1))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await publish(hub, session.updates(2))
            assert numbers(await read(subscription, 2)) == [1, 2]

    run(check())


def test_a_publisher_in_a_tight_loop_lets_subscribers_keep_up() -> None:
    async def check() -> None:
        hub, session = Hub(queued_messages=8), SyntheticSession()
        async with AsyncExitStack() as stack:
            subscriptions = [await stack.enter_async_context(hub.subscribe(EVERYTHING)) for _ in range(5)]
            readers = [asyncio.create_task(read(subscription, 500)) for subscription in subscriptions]
            await publish(hub, session.updates(500))
            assert [numbers(await reader) for reader in readers] == [list(range(1, 501))] * 5
        assert hub.skipped_events == 0

    run(check())


def test_subscribers_are_counted_until_they_leave() -> None:
    async def check() -> None:
        hub = Hub()
        async with hub.subscribe(EVERYTHING):
            assert hub.subscribers == 1
        assert hub.subscribers == 0

    run(check())
