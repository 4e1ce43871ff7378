"""What a sender can make the server hold or do is bounded; one that has to wait for the server is spared."""

import asyncio
import contextlib
import socket
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from cmlstream.stream.ingest import Refusal
from cmlstream.stream.server import reception
from cmlstream.stream.server.connection import UNREAD_BYTES
from cmlstream.stream.server.patience import Patience
from cmlstream.stream.sinks.base import Sink
from cmlstream.stream.sources.ingest import FULL_SAMPLES
from tests.stream.server.fuzz.wire import BINARY, CONTINUATION, PING, TEXT, frame, request
from tests.stream.service import answer, greet, say, sending, service, told
from tests.stream.serving import run, until

HELLO = frame(TEXT, b'{"type": "hello", "stream": "kitchen"}')
MUCH = bytes(2 * FULL_SAMPLES)
"""So much audio, in one message, that a sender has to wait."""


class Gate(Sink):
    """Holds every stream up until it is opened."""

    def __init__(self):
        self.opened = asyncio.Event()

    async def publish(self, message):
        await self.opened.wait()

    async def run(self):
        pass

    async def close(self):
        pass


@contextlib.asynccontextmanager
async def raw_sender(address):
    """Open a websocket that does nothing by itself; its kernel keeps little of what is not read."""
    client = socket.create_connection((address.host, address.port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(client, request(address.port))
        assert (await loop.sock_recv(client, 4_096)).startswith(b"HTTP/1.1 101")
        yield partial(loop.sock_sendall, client)
    finally:
        client.close()


def refusals(running):
    """Return how often each code was counted, where it was."""
    families = text_string_to_metric_families(running.metrics.render().body.decode())
    samples = [sample for family in families for sample in family.samples]
    return {
        sample.labels["code"]: sample.value
        for sample in samples
        if sample.name == "cmlstream_refusals_total" and sample.value
    }


def test_who_pings_and_reads_no_answer_is_cut_off():
    async def check():
        async with service() as running, raw_sender(running.address) as send:
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                await send(frame(PING, bytes(125)) * 200_000)

    run(check())


@pytest.mark.parametrize(
    "flood",
    [frame(CONTINUATION, final=False), frame(CONTINUATION, b" ", final=False), frame(PING)],
    ids=["continuations without data", "short continuations", "pings"],
)
def test_what_says_nothing_is_too_much_as_well(flood):
    async def check():
        async with service(bytes_per_second=10_000) as running, sending(running.address) as sender:
            await greet(sender)
            sender.transport.write(frame(TEXT, b"{", final=False) + flood * 2_000)
            assert await told(sender) == ("too_fast", 4429)

    run(check())


def test_a_message_may_have_parts_without_data():
    async def check():
        async with service() as running, sending(running.address) as sender:
            await sender.send(["", '{"type":"hello",', "", '"stream":"kitchen"}', ""])
            assert (await answer(sender))["type"] == "ready"

    run(check())


def test_a_message_that_is_too_long_is_counted():
    async def check():
        async with service(message_bytes=1_024) as running:
            async with sending(running.address) as sender:
                await greet(sender)
                await sender.send(bytes(1_025))
                with pytest.raises(ConnectionClosed):
                    await answer(sender)
            async with sending(running.address) as sender:
                await sender.send("{" * 1_025)
                with pytest.raises(ConnectionClosed):
                    await answer(sender)
            await until(lambda: refusals(running) == {"message_too_big": 2})

    run(check())


def test_a_sender_that_does_not_read_is_counted():
    async def check():
        async with (
            service(patience=Patience(send_s=0.2, close_s=0.2)) as running,
            raw_sender(running.address) as send,
        ):
            await send(HELLO)
            await until(lambda: len(running.streams) == 1)
            (live,) = running.streams
            unread = live.sender._connection.transport.get_write_buffer_size
            while unread() < UNREAD_BYTES // 4:
                await send(frame(PING, bytes(125)) * 400)
                await asyncio.sleep(0)
            # There is no room left to acknowledge it.
            await send(frame(BINARY, bytes(640)))
            await until(lambda: live.sender is None)
            assert refusals(running) == {"too_slow": 1}

    run(check())


def test_a_sender_that_has_to_wait_is_not_taken_for_dead(monkeypatch):
    monkeypatch.setattr(reception, "serve", partial(serve, ping_interval=0.05, ping_timeout=0.05))

    async def check():
        gate = Gate()
        async with service(sinks=[gate]) as running, sending(running.address) as sender:
            await greet(sender)
            (live,) = running.streams
            await sender.send(MUCH)
            # The stream takes it, and is held up.
            await until(lambda: live.source.frames > 0 and not live.source.full)
            await sender.send(MUCH)
            await until(lambda: live.source.full)
            now_s = asyncio.get_running_loop().time()
            assert live.sender.heard_s >= now_s
            async with sending(running.address) as other:
                assert (await greet(other))["code"] == "stream_busy"
            # Whoever came later and answers no pings is gone: whoever came first would be as well.
            reader, writer = await asyncio.open_connection(running.address.host, running.address.port)
            writer.write(request(running.address.port, "/v1/events?stream=nobody"))
            assert b"keepalive ping timeout" in await reader.read()
            writer.close()
            gate.opened.set()
            await say(sender, "end")
            assert (await answer(sender, "summary"))["sample"] == 2 * FULL_SAMPLES

    run(check())


def test_after_the_end_a_sender_may_come_again_for_the_summary_and_bring_nothing():
    async def check():
        gate = Gate()
        async with service(sinks=[gate]) as running:
            async with sending(running.address) as sender:
                ready = await greet(sender)
                await sender.send(bytes(640))
                await say(sender, "end")
                (live,) = running.streams
                await until(lambda: live.source.ended)
            async with sending(running.address) as sender:
                assert await greet(sender, session=ready["session"]) == {**ready, "sample": 320}
                await sender.send(bytes(640))
                assert await told(sender) == ("bad_message", Refusal.BAD_MESSAGE.close_code)
            async with sending(running.address) as sender:
                await greet(sender, session=ready["session"])
                # What a sender that was cut off cannot know to have been heard.
                await say(sender, "new_speaker")
                await say(sender, "end")
                await (await sender.ping())
                gate.opened.set()
                summary = await answer(sender, "summary")
                assert (summary["sample"], summary["audio_s"]) == (320, 0.02)

    run(check())
