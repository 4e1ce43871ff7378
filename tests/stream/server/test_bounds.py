"""What a sender can make the server hold or do is bounded, and who oversteps it is counted."""

import asyncio
import contextlib
import socket
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed

from cmlstream.stream.server.connection import UNREAD_BYTES
from cmlstream.stream.server.patience import Patience
from tests.stream.server.fuzz.wire import BINARY, CONTINUATION, PING, TEXT, frame, request
from tests.stream.service import answer, greet, sending, service, told
from tests.stream.serving import run, until

HELLO = frame(TEXT, b'{"type": "hello", "stream": "kitchen"}')


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
