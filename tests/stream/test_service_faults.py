"""Senders and followers that vanish, freeze or change their minds, and a clock that is set back."""

import asyncio
import signal
import time
from datetime import datetime, timedelta, tzinfo

import pytest
import redis
from websockets.exceptions import ConnectionClosedError

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import ServiceError
from cmlstream.stream import session as sessions
from cmlstream.stream.client import AudioFormat, follow, open_sender
from cmlstream.stream.events import Affect, SpeechEnded, Status, StreamEnded, decode
from cmlstream.stream.server.patience import Patience
from cmlstream.stream.sinks.redis import RedisSink
from tests.signals import quiet_noise
from tests.stream.programs import line_with, program
from tests.stream.service import answer, greet, say, sending, service, told
from tests.stream.serving import not_reading, run, until
from tests.stream.speaking import CALM_T, assert_whole, hearing, last_region, speaking


async def take(connection, events: list) -> None:
    async for payload in connection:
        events.append(decode(payload))  # noqa: PERF401 - what came before the close counts


class SetBack(datetime):
    """The clock of a machine whose time was set back by an hour."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) - timedelta(hours=1)


def test_a_clock_that_is_set_back_disturbs_neither_numbers_nor_delays_nor_redis(redis_server, monkeypatch):
    now = time.time

    async def check() -> None:
        sink = RedisSink(redis_server.url)
        await sink.connect()
        async with service(sinks=[sink]) as running, hearing(redis_server.url) as heard:
            for number in (1, 2):
                async with speaking(running.address.ingest_url, ["desk"]) as senders:
                    await until(lambda number=number: heard.has(Affect, ["desk"], sessions=number))
                    monkeypatch.setattr(time, "time", lambda: now() - 3_600)
                    monkeypatch.setattr(sessions, "datetime", SetBack)
                    seen = len(heard.events["desk"])
                    await until(lambda seen=seen: len(heard.events["desk"]) > seen + 3)
                    await senders["desk"].end()
                    await until(lambda number=number: heard.has(StreamEnded, ["desk"], sessions=number))
        assert sink.skipped_events == 0
        events = heard.events["desk"]
        for session in heard.sessions("desk"):
            assert_whole(session, reason="end of input")
            anchors = [
                event.end_time - timedelta(seconds=event.end_sample / SAMPLE_RATE) for event in session
            ]
            assert anchors == sorted(anchors, reverse=True)
            assert anchors[0] - anchors[-1] < timedelta(minutes=30)
        assert all(0 <= event.delay_ms < 3_600_000 for event in events if isinstance(event, Status))
        with redis.Redis.from_url(redis_server.url) as client:
            entries = client.xrange("cmlstream:{desk}:events")
        assert [decode(fields[b"event"]) for _, fields in entries] == events
        begun_ms = [int(identifier.partition(b"-")[0]) for identifier, _ in entries]
        assert begun_ms == sorted(begun_ms)
        assert len(set(begun_ms)) == 2

    run(check())


@pytest.mark.slow
def test_a_sender_that_freezes_in_the_middle_of_a_word_ends_its_stream_and_begins_another() -> None:
    async def check() -> None:
        async with (
            service(idle_s=0.5, grace_s=0.2) as running,
            hearing(running.address.page_url) as heard,
            program("send", "sample", running.address.page_url, "--stream", "desk", "--realtime") as process,
        ):
            await until(lambda: heard.has(Affect, ["desk"]))
            process.send_signal(signal.SIGSTOP)
            await until(lambda: heard.has(StreamEnded, ["desk"]))
            assert_whole(heard.events["desk"], reason="sender gone")
            assert last_region(heard.events["desk"]).activation is not None
            assert len(running.streams) == 0
            process.send_signal(signal.SIGCONT)
            await until(lambda: heard.has(Affect, ["desk"], sessions=2))
            process.send_signal(signal.SIGINT)
            await line_with(process.stderr, "a new session")
            await line_with(process.stderr, "Sent .* of audio")
            assert await process.wait() == 0

    run(check())


def test_a_sender_that_changes_its_mind_about_the_rate_is_refused_and_harms_nothing() -> None:
    async def check() -> None:
        async with service() as running, hearing(running.address.page_url) as heard:
            pcm = CALM_T.astype("<i2").tobytes()
            half = len(pcm) // 2
            async with sending(running.address) as sender:
                ready = await greet(sender, "desk")
                await sender.send(pcm[:half])
                await say(sender, "hello", stream="desk", rate=48_000)
                assert await told(sender) == ("bad_message", 4400)
            with pytest.raises(ServiceError, match="format_changed"):
                async with open_sender(
                    running.address.page_url, stream="desk", form=AudioFormat(rate=48_000)
                ):
                    pass
            async with sending(running.address) as sender:
                again = await greet(sender, "desk")
                assert (again["session"], again["sample"]) == (ready["session"], half // 2)
                await sender.send(pcm[half:])
                await say(sender, "end")
                await answer(sender, "summary")
            async with sending(running.address) as sender:
                assert (await greet(sender, "desk", rate=48_000))["type"] == "ready"
            await until(lambda: heard.has(StreamEnded, ["desk"]))
        first = next(heard.sessions("desk"))
        assert_whole(first, reason="end of input")
        assert sum(isinstance(event, SpeechEnded) for event in first) == 2

    run(check())


def test_a_subscriber_that_stops_reading_two_hundred_events_a_second_is_closed_and_may_come_back() -> None:
    second = quiet_noise(1.0).astype("<i2").tobytes()

    async def check() -> None:
        patience = Patience(send_s=0.5)
        async with (
            service(patience=patience, settings={"send_buffer_bytes": 4_096}) as running,
            hearing(running.address.page_url) as heard,
            not_reading(running.address) as stuck,
            sending(running.address) as sender,
        ):
            await greet(sender, "desk", live=False)
            await until(lambda: running.hub.subscribers == 2)
            loop = asyncio.get_running_loop()
            began_s, seconds = loop.time(), 0
            while running.hub.subscribers == 2:
                await sender.send(second * 2)
                seconds += 2
                await asyncio.sleep(began_s + seconds / 200 - loop.time())
            await say(sender, "end")
            summary = await answer(sender, "summary")
            got = []
            with pytest.raises(ConnectionClosedError, match="1013"):
                await take(stuck, got)
            rest = follow(
                running.address.page_url, stream="desk", since={got[-1].session: got[-1].seq}, until_end=True
            )
            got += [event async for event in rest]
            await until(lambda: heard.has(StreamEnded, ["desk"]))
        assert_whole(heard.events["desk"], reason="end of input")
        assert got == heard.events["desk"]
        assert len(got) == summary["events"] >= seconds > 100

    run(check())
