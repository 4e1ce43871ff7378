import asyncio
import threading
from dataclasses import fields

import numpy as np
import pytest

from cmlstream.models.archive import Archive
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.assembly import assemble_pipeline
from cmlstream.stream.engine import Engine
from cmlstream.stream.ingest import Hello
from cmlstream.stream.server import streams
from cmlstream.stream.server.metrics import StreamTotals
from cmlstream.stream.settings import ServeSettings
from cmlstream.stream.sources.ingest import IngestSource
from tests.signals import speech_like
from tests.stream.service import answer, events_until_end, following, greet, model, say, sending, service
from tests.stream.serving import fetch, run, until
from tests.stream.speaking import CALM_T, assert_whole


def test_streams_that_are_not_through_in_time_do_not_keep_the_service_from_ending(monkeypatch, caplog):
    monkeypatch.setattr(streams, "DRAIN_S", 0.05)
    pcm = np.tile(speech_like(2.0, seed=3), 15).astype("<i2").tobytes()

    async def send_all_at_once(address, stream):
        async with sending(address) as sender:
            await greet(sender, stream)
            for at in range(0, len(pcm), SAMPLE_RATE):
                await sender.send(pcm[at : at + SAMPLE_RATE])
            await answer(sender, "error", "summary")

    async def check():
        async with service() as running, asyncio.TaskGroup() as tasks:
            senders = [tasks.create_task(send_all_at_once(running.address, f"s{n}")) for n in range(4)]
            await until(lambda: sum(one.source.frames > 0 for one in running.streams) == len(senders))
            await running.streams.close()
            assert len(running.streams) == 0

    run(check())
    assert "could not be ended within" in caplog.text


class HeldArchive(Archive):
    """A model on a machine that stands still while a test wants it to."""

    may_go_on = threading.Event()
    is_asked = threading.Event()

    def estimate(self, features_BF, mean_BF, deviation_BF):
        self.is_asked.set()
        self.may_go_on.wait()
        return super().estimate(features_BF, mean_BF, deviation_BF)


@pytest.fixture
def held():
    HeldArchive.may_go_on.set()
    yield HeldArchive(**{field.name: getattr(model(), field.name) for field in fields(Archive)})
    HeldArchive.may_go_on.set()


@pytest.mark.parametrize("says_end", [False, True])
def test_a_stream_that_is_late_ends_with_an_error_and_its_sender_knows(monkeypatch, held, says_end):
    monkeypatch.setattr(streams, "DRAIN_S", 0.05)

    async def check():
        async with (
            service(archive=held) as running,
            following(running.address) as follower,
            sending(running.address) as sender,
        ):
            await greet(sender)
            held.may_go_on.clear()
            held.is_asked.clear()
            await sender.send(CALM_T[: 2 * SAMPLE_RATE].astype("<i2").tobytes())
            await until(held.is_asked.is_set)
            if says_end:
                await say(sender, "end")
                await until(lambda: next(iter(running.streams)).source.ended)
            await running.streams.close()
            told = await answer(sender, "error", "summary")
            held.may_go_on.set()
            events = await events_until_end(follower)
        assert told["code"] == "server_stops"
        assert "could not be published" in told["message"]
        assert_whole(events, reason="error")

    run(check())


def test_ready_while_there_is_room_for_one_more():
    async def check():
        async with service(streams=1, grace_s=0.0) as running:

            async def ready():
                answered = await fetch(running.address, "/readyz")
                return answered.status, answered.body

            assert await ready() == (200, b"ok\n")
            async with sending(running.address) as sender:
                await greet(sender)
                assert await ready() == (503, b"all places for streams are taken\n")
            await until(lambda: len(running.streams) == 0)
            assert await ready() == (200, b"ok\n")
            await running.streams.close()
            assert await ready() == (503, b"server stops\n")
            assert (await fetch(running.address, "/healthz")).status == 200

    run(check())


def test_not_ready_where_nobody_more_may_follow():
    async def check():
        async with service(settings={"subscribers": 1}) as running, following(running.address):
            await until(lambda: running.hub.subscribers == 1)
            answered = await fetch(running.address, "/readyz")
            assert (answered.status, answered.body) == (503, b"all places for subscribers are taken\n")

    run(check())


def test_a_stream_of_the_nodes_own_counts_while_it_lives_and_afterwards():
    async def check():
        async with service() as running:
            source = IngestSource(Hello(stream="own"))
            pipeline = assemble_pipeline(ServeSettings(), Engine(model()), "own", source, sinks=[])
            with running.streams.hosting("own", pipeline, source):
                running_it = asyncio.create_task(pipeline.run(asyncio.Event()))
                source.push(bytes(2 * SAMPLE_RATE))
                source.skip(SAMPLE_RATE)
                source.finish("end of input")
                await running_it
                assert len(running.streams) == 1
                live = running.streams.totals()
            assert len(running.streams) == 0
        assert running.streams.totals() == live == StreamTotals(2.0, SAMPLE_RATE, 0)

    run(check())
