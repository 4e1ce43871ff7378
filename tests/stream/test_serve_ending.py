"""How `cmlstream serve` ends: asked once, asked twice, and killed, with streams and followers connected."""

import asyncio
import signal
from collections.abc import Callable

import pytest
import redis

from cmlstream.stream.events import Affect, SpeechEnded, Status, StreamEnded, decode
from cmlstream.stream.server.serve import Address
from tests.stream.conftest import RedisServer
from tests.stream.programs import line_with, program, serving
from tests.stream.serving import fetch, run, until
from tests.stream.speaking import assert_whole, hearing, last_region, speaking

DRAIN_S = 5.0
"""What users are promised."""


@pytest.mark.slow
def test_asked_to_end_it_publishes_what_a_dozen_streams_are_in_the_midst_of(
    redis_server: RedisServer,
) -> None:
    streams = [f"desk-{number}" for number in range(12)]

    async def check() -> None:
        async with serving("--redis", redis_server.url) as served:
            url = served.address.page_url
            async with (
                hearing(url) as all_heard,
                hearing(url, stream="desk-7", types=["affect"]) as one_heard,
            ):
                async with speaking(served.address.ingest_url, streams):
                    await until(lambda: all_heard.has(Affect, streams))
                    served.process.send_signal(signal.SIGTERM)
                    async with asyncio.timeout(DRAIN_S):
                        output, told = await served.rest()
                await until(lambda: all_heard.has(StreamEnded, streams))
        # A dozen streams that begin at once may be more than a busy machine has time for.
        complaints = [line for line in told.splitlines() if "The engine is behind" not in line]
        assert (served.process.returncode, output, complaints) == (0, b"", [])
        with redis.Redis.from_url(redis_server.url) as client:
            for stream in streams:
                events = all_heard.events[stream]
                assert_whole(events, reason="stopped")
                assert [type(event) for event in events[-3:]] == [SpeechEnded, Status, StreamEnded]
                assert last_region(events).activation is not None
                entries = client.xrange(f"cmlstream:{{{stream}}}:events")
                assert [decode(fields[b"event"]) for _, fields in entries] == events
        rolling = [event for event in all_heard.events["desk-7"] if isinstance(event, Affect)]
        assert one_heard.events == {"desk-7": rolling}

    run(check())


@pytest.mark.slow
@pytest.mark.parametrize(("number", "returned"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
def test_asked_twice_it_ends_at_once(
    redis_server: RedisServer, number: signal.Signals, returned: int
) -> None:
    async def check() -> None:
        async with serving("--redis", redis_server.url) as served:
            async with (
                hearing(served.address.page_url) as heard,
                speaking(served.address.ingest_url, ["desk"]),
            ):
                await until(lambda: heard.has(Affect, ["desk"]))
                redis_server.freeze()
                served.process.send_signal(number)
                await until(lambda: heard.has(StreamEnded, ["desk"]))
            assert served.process.returncode is None, "it waits for Redis"
            served.process.send_signal(number)
            async with asyncio.timeout(2.0):
                output, _ = await served.rest()
        assert (served.process.returncode, output) == (returned, b"")

    run(check())


@pytest.mark.slow
def test_killed_and_started_again_senders_and_followers_carry_on(redis_server: RedisServer) -> None:
    streams = ["hall", "desk"]

    async def check() -> None:
        async with serving("--redis", redis_server.url) as served:
            port = served.address.port
            url = served.address.page_url
            async with (
                hearing(url) as by_websocket,
                hearing(redis_server.url) as by_redis,
                speaking(served.address.ingest_url, streams) as senders,
            ):
                await until(lambda: by_websocket.has(Affect, streams))
                served.process.kill()
                await served.process.wait()
                async with serving("--redis", redis_server.url, port=port):
                    await until(lambda: by_websocket.has(Affect, streams, sessions=2))
                    summaries = {stream: await sender.end() for stream, sender in senders.items()}
                    for heard in (by_websocket, by_redis):
                        await until(lambda heard=heard: heard.has(StreamEnded, streams))
        for stream in streams:
            for heard in (by_websocket, by_redis):
                before, after = heard.sessions(stream)
                assert_whole(before, reason=None)
                assert_whole(after, reason="end of input")
                assert after[0].session == summaries[stream].session
                assert len(after) == summaries[stream].events
            assert summaries[stream].dropped_samples == 0

    run(check())


@pytest.mark.slow
def test_listen_counts_what_others_send_to_it_and_publishes_it_to_the_end(
    free_port: Callable[[], int],
) -> None:
    async def check() -> None:
        port = free_port()
        url = f"ws://127.0.0.1:{port}"
        async with program("listen", "sample", "--realtime", "--json", "--port", port) as process:
            await line_with(process.stderr, "AI Act")
            async with hearing(url) as heard, speaking(url, ["guest"]):
                await until(lambda: heard.has(Affect, ["guest", "live"]))
                measured = (await fetch(Address("127.0.0.1", port), "/metrics")).body.decode()
                process.send_signal(signal.SIGTERM)
                await process.communicate()
                await until(lambda: heard.has(StreamEnded, ["guest", "live"]))
        assert process.returncode == 0
        assert "\ncmlstream_streams_live 2.0\n" in measured
        for stream in ("guest", "live"):
            assert_whole(heard.events[stream], reason="stopped")
            assert last_region(heard.events[stream]).activation is not None

    run(check())
