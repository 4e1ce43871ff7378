"""What happens to a request: it is refused, answered, or becomes a websocket, by its path."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve

from cmlstream.stream.ingest import INGEST_PATH

from . import web
from .admission import Admission
from .connection import Connection, known_to
from .control import control
from .following import EVENTS_PATH, Following
from .receiving import Conversation
from .tokens import presented, select_subprotocol

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from websockets.http11 import Request, Response

    from cmlstream.stream.sinks.hub import Hub

    from .guard import Guard
    from .receiving import Receiving
    from .serve import ServerSettings

CLIENT_MESSAGE_BYTES = 1_024
"""Nothing a client says while following matters, but some send keep-alives of their own."""

BACKLOG = 1_024
"""Connections that may wait to be accepted: after a restart all clients come back within a second."""

HANDSHAKE_S = 10.0
"""How long a client may take to agree on TLS; asyncio would let it hold its socket for a minute."""

_logger = logging.getLogger("cmlstream.stream.server.connections")
# At its debug level websockets logs the content of every frame and header: affect and tokens.
_logger.setLevel(logging.WARNING)


class Reception:
    """Receives every request on one listening socket. Without `receiving` nobody can send."""

    def __init__(self, hub: Hub, guard: Guard, settings: ServerSettings, receiving: Receiving | None) -> None:
        self._hub = hub
        self._guard = guard
        self._settings = settings
        self._receiving = receiving
        self._following = Following(hub, settings.subscribers, settings.patience, self._count)
        self._admission = Admission(settings.tokens, settings.patience, self._count)
        self._connections: set[Connection] = set()

    @asynccontextmanager
    async def opened(self, listener: socket.socket) -> AsyncIterator[None]:
        """Receive for as long as the context lasts, then part from everybody; closes `listener`."""
        certificate = self._settings.certificate
        server = await serve(
            self._handle,
            sock=listener,
            ssl=certificate.context if certificate else None,
            ssl_handshake_timeout=HANDSHAKE_S if certificate else None,
            backlog=BACKLOG,
            process_request=self._answer,
            process_response=_protect,
            select_subprotocol=select_subprotocol,
            create_connection=known_to(self._connections),
            close_timeout=self._settings.patience.close_s,
            max_size=CLIENT_MESSAGE_BYTES,
            # Every event is encoded once for everybody; compressing would encode it again for each.
            compression=None,
            server_header=None,
            logger=_logger,
        )
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._admission.watch())
            try:
                yield
            finally:
                watching.cancel()
                await self._part(server)

    async def _part(self, server: Server) -> None:
        """Let nobody in any more, end the streams, and then, when all is published, the subscribers."""
        server.close(close_connections=False)
        try:
            if self._receiving is not None:
                await self._receiving.streams.close()
            await self._hub.close()
            async with asyncio.timeout(self._settings.patience.close_s):
                await server.wait_closed()
        except TimeoutError:
            pass
        finally:
            for connection in self._connections:
                connection.transport.abort()
        await server.wait_closed()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return the answer to a plain or refused request; None lets the websocket be opened."""
        headers = request.headers
        refusal = self._guard.refusal(headers.get_all("Host"), headers.get_all("Origin"))
        if refusal:
            self._count("host_or_origin")
            return web.refuse(HTTPStatus.FORBIDDEN, refusal)
        path, _, query = request.path.partition("?")
        if path == EVENTS_PATH:
            return self._following.admit(query)
        if self._receiving is not None:
            if path == INGEST_PATH:
                return self._await_sender(connection, request, self._receiving)
            if (answered := _answer_of_node(request, path, self._receiving)) is not None:
                return answered
        if path == "/healthz":
            return web.report(request, None)
        if path == "/readyz":
            return web.report(request, self._trouble())
        return web.share(web.answer(request), headers.get("Origin"))

    def _trouble(self) -> str | None:
        """Return why a sender or a follower would be turned away; None where both are let in."""
        trouble = self._receiving.streams.trouble if self._receiving is not None else None
        return trouble or self._following.trouble

    def _count(self, code: str) -> None:
        if self._receiving is not None:
            self._receiving.metrics.refused(code)

    def _await_sender(
        self, connection: ServerConnection, request: Request, receiving: Receiving
    ) -> Response | None:
        assert isinstance(connection, Connection)
        connection.protocol.max_message_size = receiving.limits.message_bytes
        # Where a sender has to wait, its answer to a ping lies unread behind audio; `idle_s` finds the dead.
        connection.ping_interval = None
        connection.listener = Conversation(receiving, connection, presented(request.headers))
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection)
        if isinstance(connection.listener, Conversation):
            await connection.listener.hold()
        else:
            await self._admission.admit(connection, self._following.follow)


def _answer_of_node(request: Request, path: str, receiving: Receiving) -> Response | None:
    """Return the answer to a plain request that only a node with a model and streams can give."""
    if path == "/metrics":
        return web.show(request, receiving.metrics.render())
    if path == "/model.json":
        return web.show(request, web.Document("application/json", msgspec.json.encode(receiving.card)))
    return control(request, path, receiving)


def _protect(_connection: ServerConnection, _request: Request, response: Response) -> None:
    web.protect(response)
