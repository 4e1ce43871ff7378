"""A server on a free port, and clients that speak to it as browsers, programs and troublemakers do."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect

from cmlstream.stream.events import decode
from cmlstream.stream.server.serve import Address, ServerSettings, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
    from email.message import Message as Headers

    from websockets.asyncio.client import ClientConnection

    from cmlstream.stream.events import Event, Message
    from cmlstream.stream.sinks.hub import Hub

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over plain HTTP."""

    status: int
    headers: Headers
    body: bytes


def run(test: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await test

    asyncio.run(limited())


@asynccontextmanager
async def serving(hub: Hub, **settings: Any) -> AsyncIterator[Address]:
    async with serve(hub, ServerSettings(**{"port": 0, **settings})) as address:
        yield address


@asynccontextmanager
async def following(address: Address, query: str = "", **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(address.events_url + query, proxy=None, **options) as connection:
        yield connection


def not_reading(address: Address, **options: Any) -> connect:
    """Follow with buffers so small that what is not read soon stays with the server."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect((address.host, address.port))
    return connect(address.events_url, sock=client, proxy=None, max_queue=1, ping_interval=None, **options)


async def publish(hub: Hub, messages: Iterable[Message]) -> None:
    for message in messages:
        await hub.publish(message)


async def read(connection: ClientConnection, count: int) -> list[Event]:
    return [decode(await connection.recv()) for _ in range(count)]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - sockets and closed connections set no event of ours
        await asyncio.sleep(0.005)


async def fetch(address: Address, path: str, method: str = "GET", **headers: str) -> Answer:
    """Send one request, with a Host of its own where `headers` names none; underscores stand for dashes."""
    sent = {"Host": f"{address.host}:{address.port}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write("\r\n".join(lines).encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
    status, _, rest = head.partition(b"\r\n")
    return Answer(int(status.split()[1]), BytesParser().parsebytes(rest + b"\r\n\r\n"), body)
