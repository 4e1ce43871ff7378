"""What happens to a request: it is refused, answered, or becomes a websocket, by its path."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.server import Server, ServerConnection, serve

from . import web
from .following import EVENTS_PATH, Following

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from websockets.http11 import Request, Response

    from cmlstream.stream.sinks.hub import Hub

    from .guard import Guard
    from .patience import Patience

CLIENT_MESSAGE_BYTES = 1_024
"""Nothing a client says while following matters, but some send keep-alives of their own."""

_logger = logging.getLogger("cmlstream.stream.server.connections")
# At its debug level websockets logs the content of every frame and header: affect and, one day, tokens.
_logger.setLevel(logging.WARNING)


class Reception:
    """Receives every request on one listening socket."""

    def __init__(self, hub: Hub, guard: Guard, subscribers: int, patience: Patience) -> None:
        self._hub = hub
        self._guard = guard
        self._following = Following(hub, subscribers, patience)
        self._patience = patience
        self._connections: set[ServerConnection] = set()

    @asynccontextmanager
    async def opened(self, listener: socket.socket) -> AsyncIterator[None]:
        """Receive for as long as the context lasts, then part from everybody; closes `listener`."""
        server = await serve(
            self._following.follow,
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
            return self._following.admit(query)
        if path == "/healthz":
            return web.report(request, None)
        if path == "/readyz":
            return web.report(request, self._hub.close_reason)
        return web.answer(request)


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
