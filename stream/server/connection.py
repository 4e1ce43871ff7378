"""A connection whose messages can be taken the moment they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.frames import DATA_OPCODES, Frame

if TYPE_CHECKING:
    import asyncio

    from websockets.http11 import Request, Response

    Event = Frame | Request | Response


class Listener(Protocol):
    """Takes what a client says; must neither wait nor raise."""

    def hear(self, frame: Frame) -> None:
        """Take one frame of a text or binary message."""

    def lose(self) -> None:
        """Take note that the connection is gone."""


class Connection(ServerConnection):
    """A websocket, or a plain request, from its first byte on.

    A listener gets every frame from within the reading of the socket: ten thousand small messages a second
    leave no time for a task to wake for each of them.
    """

    listener: Listener | None = None

    def process_event(self, event: Event) -> None:
        """Hand data to the listener, if there is one, and leave the rest to websockets."""
        if self.listener is not None and isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self.listener.hear(event)
        else:
            super().process_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the listener."""
        super().connection_lost(exc)
        if self.listener is not None:
            self.listener.lose()


def known_to(connections: set[Connection]) -> type[Connection]:
    """Return a kind of connection that is in `connections` from its first byte on.

    websockets lists them only once they are open, and browsers open sockets ahead of need and leave them
    silent: these would hold up the end of the server.
    """

    class Known(Connection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            connections.add(self)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            connections.discard(self)

    return Known
