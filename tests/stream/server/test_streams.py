import asyncio

import numpy as np

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.assembly import assemble_pipeline
from cmlstream.stream.engine import Engine
from cmlstream.stream.ingest import Hello
from cmlstream.stream.server import streams
from cmlstream.stream.server.metrics import StreamTotals
from cmlstream.stream.settings import ServeSettings
from cmlstream.stream.sources.ingest import IngestSource
from tests.signals import speech_like
from tests.stream.service import answer, following, greet, model, sending, service
from tests.stream.serving import fetch, run, until


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
