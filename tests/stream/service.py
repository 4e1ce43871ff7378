"""The service in the test's own loop: a real model, a real socket on a free port, and senders to it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from cmlstream.models import archive as archives
from cmlstream.stream.assembly import assemble_pipeline
from cmlstream.stream.engine import Engine
from cmlstream.stream.events import decode
from cmlstream.stream.server.metrics import Metrics
from cmlstream.stream.server.patience import Patience
from cmlstream.stream.server.receiving import Receiving
from cmlstream.stream.server.serve import Address, ServerSettings, serve
from cmlstream.stream.server.streams import Streams
from cmlstream.stream.server.tokens import Tokens
from cmlstream.stream.settings import LimitSettings, ServeSettings
from cmlstream.stream.sinks.hub import Hub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from websockets.asyncio.client import ClientConnection

    from cmlstream.models.archive import Archive
    from cmlstream.stream.events import Event
    from cmlstream.stream.sinks.base import Sink

PIECE_BYTES = 640


@cache
def model() -> Archive:
    return archives.load(archives.default_path())


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A running service and what it is made of."""

    address: Address
    hub: Hub
    streams: Streams
    metrics: Metrics


@asynccontextmanager
async def service(
    *,
    tokens: Tokens | None = None,
    patience: Patience | None = None,
    settings: dict[str, Any] | None = None,
    archive: Archive | None = None,
    sinks: Sequence[Sink] = (),
    **limits: Any,
) -> AsyncIterator[Service]:
    tokens, patience = tokens or Tokens.none(), patience or Patience()
    told = ServeSettings(limits=LimitSettings(**limits))
    engine, hub = Engine(archive or model()), Hub()
    # Torch sets up much at its first call, which would hold up the first stream.
    await engine.warm()
    async with asyncio.TaskGroup() as tasks:
        estimating = tasks.create_task(engine.run())
        for sink in (*sinks, hub):
            tasks.create_task(sink.run())
        streams = Streams(tasks, partial(assemble_pipeline, told, engine, sinks=[*sinks, hub]), told.limits)
        metrics = Metrics("0", "test 1")
        receiving = Receiving(streams, tokens, told.limits, patience, metrics, model().card)
        server = ServerSettings(port=0, tokens=tokens, patience=patience, **(settings or {}))
        async with serve(hub, server, receiving) as address:
            yield Service(address, hub, streams, metrics)
        for sink in sinks:
            await sink.close()
        estimating.cancel()


@asynccontextmanager
async def sending(address: Address, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(address.ingest_url, proxy=None, **options) as connection:
        yield connection


async def greet(connection: ClientConnection, stream: str = "kitchen", **hello: Any) -> dict[str, Any]:
    """Say hello and return the answer."""
    await say(connection, "hello", stream=stream, **hello)
    return await answer(connection)


async def say(connection: ClientConnection, type_: str, **fields: Any) -> None:
    await connection.send(json.dumps({"type": type_, **fields}))


async def send_pcm(connection: ClientConnection, pcm: bytes) -> None:
    """Send audio as a microphone gives it, 20 ms in a message."""
    for at in range(0, len(pcm), PIECE_BYTES):
        await connection.send(pcm[at : at + PIECE_BYTES])


async def answer(connection: ClientConnection, *wanted: str) -> dict[str, Any]:
    """Return the next message, or the next of the types named."""
    while True:
        message: dict[str, Any] = json.loads(await connection.recv())
        if not wanted or message["type"] in wanted:
            return message


async def told(connection: ClientConnection) -> tuple[str, int | None]:
    """Return the code that the server parts with, in its last message and in the close."""
    last: dict[str, Any] = {}
    try:
        async for message in connection:
            last = json.loads(message)
    except ConnectionClosedError:
        pass
    return last.get("code", last.get("type")), connection.close_code


@asynccontextmanager
async def following(address: Address, query: str = "?since=0") -> AsyncIterator[ClientConnection]:
    async with connect(address.events_url + query, proxy=None, max_size=None) as connection:
        yield connection


async def events_until_end(connection: ClientConnection) -> list[Event]:
    """Return all events up to the first `stream.ended`."""
    events = []
    async for payload in connection:
        events.append(decode(payload))
        if events[-1].__struct_config__.tag == "stream.ended":
            break
    return events
