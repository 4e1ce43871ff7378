"""A connection whose messages can be taken the moment they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.frames import DATA_OPCODES, Frame

if TYPE_CHECKING:
    import asyncio

    from websockets.http11 import Request, Response

    Event = Frame | Request | Response


UNREAD_BYTES = 262_144
"""What may wait for a client to read it: more than an event and what was written before it."""


class Listener(Protocol):
    """Takes what a client says; must neither wait nor raise."""

    def hear(self, frame: Frame) -> None:
        """Take one frame of a text or binary message, or note one that controls the connection."""

    def lose(self) -> None:
        """Take note that the connection is gone."""


class Connection(ServerConnection):
    """A websocket, or a plain request, from its first byte on.

    A listener gets every frame from within the reading of the socket: ten thousand small messages a second
    leave no time for a task to wake for each of them.
    """

    listener: Listener | None = None

    def data_received(self, data: bytes) -> None:
        """Cut off who asks and asks and reads no answer: websockets writes a pong for every ping."""
        super().data_received(data)
        if self.paused and self.transport.get_write_buffer_size() > UNREAD_BYTES:
            self.transport.abort()

    def send_data(self) -> None:
        """Write all answers to one read at once: asyncio logs each write to a connection that is lost."""
        writes = self.protocol.writes
        if len(writes) > 2:
            # The last may be the mark of the end, which must stand alone.
            self.protocol.writes = [b"".join(writes[:-1]), writes[-1]]
        if writes:
            super().send_data()

    def process_event(self, event: Event) -> None:
        """Hand frames to the listener, if there is one, and leave what is no data to websockets."""
        if self.listener is not None and isinstance(event, Frame):
            self.listener.hear(event)
            if event.opcode in DATA_OPCODES:
                return
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
