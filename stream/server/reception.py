"""What happens to a request: it is refused, answered, or becomes a websocket that follows the hub."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import CloseCode

from cmlstream.stream.selection import SelectionError, parse_selection

from . import web

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from websockets.http11 import Request, Response

    from cmlstream.stream.sinks.hub import Hub, Subscription

    from .guard import Guard

EVENTS_PATH = "/v1/events"
CLIENT_MESSAGE_BYTES = 1_024
"""Nothing a client says while following matters, but some send keep-alives of their own."""

_logger = logging.getLogger("cmlstream.stream.server.connections")
# At its debug level websockets logs the content of every frame and header: affect and, one day, tokens.
_logger.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long clients may take."""

    send_s: float = 10.0
    """To make room in a full socket, before a subscriber is closed."""
    close_s: float = 2.0
    """To answer a close, before the connection is cut off."""


@dataclass(frozen=True, slots=True)
class _Farewell:
    """Why a websocket is closed."""

    code: CloseCode
    reason: str


class Reception:
    """Receives every request on one listening socket."""

    def __init__(self, hub: Hub, guard: Guard, subscribers: int, patience: Patience) -> None:
        self._hub = hub
        self._guard = guard
        self._subscribers = subscribers
        self._patience = patience
        self._connections: set[ServerConnection] = set()

    @asynccontextmanager
    async def opened(self, listener: socket.socket) -> AsyncIterator[None]:
        """Receive for as long as the context lasts, then part from everybody; closes `listener`."""
        server = await serve(
            self._follow,
            sock=listener,
            process_request=self._answer,
            process_response=_protect,
            create_connection=_known_to(self._connections),
            close_timeout=self._patience.close_s,
            max_size=CLIENT_MESSAGE_BYTES,
            # Every event is encoded once for everybody; compressing would encode it again for each.
            compression=None,
            server_header=None,
            logger=_logger,
        )
        try:
            yield
        finally:
            await self._part(server)

    async def _part(self, server: Server) -> None:
        server.close(close_connections=False)
        try:
            await self._hub.close("server stops")
            async with asyncio.timeout(self._patience.close_s):
                await server.wait_closed()
        except TimeoutError:
            pass
        finally:
            for connection in self._connections:
                connection.transport.abort()
        await server.wait_closed()

    def _answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """Return the answer to a plain or refused request; None lets the websocket be opened."""
        headers = request.headers
        refusal = self._guard.refusal(headers.get_all("Host"), headers.get_all("Origin"))
        if refusal:
            return web.refuse(HTTPStatus.FORBIDDEN, refusal)
        path, _, query = request.path.partition("?")
        if path == EVENTS_PATH:
            return self._admit(query)
        if path == "/healthz":
            return web.report(request, None)
        if path == "/readyz":
            return web.report(request, self._hub.close_reason)
        return web.answer(request)

    def _admit(self, query: str) -> Response | None:
        try:
            parse_selection(query)
        except SelectionError as error:
            return web.refuse(HTTPStatus.BAD_REQUEST, str(error))
        if self._hub.subscribers >= self._subscribers:
            return web.refuse(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"All {self._subscribers} places for subscribers are taken: try again later.",
            )
        return None

    async def _follow(self, connection: ServerConnection) -> None:
        """Deliver events until the client leaves, gets stuck, or nothing more will come."""
        assert connection.request is not None, "the handshake is over"
        selection = parse_selection(connection.request.path.partition("?")[2])
        async with asyncio.TaskGroup() as tasks:
            with self._hub.subscribe(selection) as subscription:
                tasks.create_task(_await_departure(connection, subscription))
                farewell = await self._deliver(connection, subscription)
            await self._dismiss(connection, farewell)

    async def _deliver(self, connection: ServerConnection, subscription: Subscription) -> _Farewell:
        try:
            async for payload in subscription:
                async with asyncio.timeout(self._patience.send_s):
                    await connection.send(payload, text=True)
        except TimeoutError:
            return _Farewell(
                CloseCode.TRY_AGAIN_LATER,
                f"nothing was read for {self._patience.send_s:g} s: reconnect with since",
            )
        except ConnectionClosed:
            return _Farewell(CloseCode.NORMAL_CLOSURE, "")
        return _Farewell(CloseCode.GOING_AWAY, self._hub.close_reason or "")

    async def _dismiss(self, connection: ServerConnection, farewell: _Farewell) -> None:
        # Where the socket is full, `close` waits for room without a limit of its own.
        try:
            async with asyncio.timeout(self._patience.close_s):
                await connection.close(farewell.code, farewell.reason)
        except TimeoutError:
            connection.transport.abort()


async def _await_departure(connection: ServerConnection, subscription: Subscription) -> None:
    """Ignore what the client says, and end its subscription when it leaves, even while no event comes."""
    try:
        async for _ in connection:
            pass
    except ConnectionClosedError:
        pass
    finally:
        subscription.abandon()


def _protect(_connection: ServerConnection, _request: Request, response: Response) -> None:
    web.protect(response)


def _known_to(connections: set[ServerConnection]) -> type[ServerConnection]:
    """Return a kind of connection that is in `connections` from its first byte on.

    websockets lists them only once they are open, and browsers open sockets ahead of need and leave them
    silent: these would hold up the end of the server.
    """

    class Known(ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            connections.add(self)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            connections.discard(self)

    return Known
