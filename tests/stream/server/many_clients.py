"""Many followers in one process, cheap enough to leave the machine to the server.

They speak websockets by hand, on real sockets: what is measured is when an event has come, not how fast a
client library takes it apart.
"""

from __future__ import annotations

import re
import selectors
import socket
import struct
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PING, PONG = 0x89, 0x8A
_SEQ = re.compile(rb'"seq":([0-9]+)')
PATIENCE_S = 30.0


@dataclass(slots=True)
class Client:
    """One connection, and the bytes of the frame that is not complete yet."""

    connection: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def take(self) -> list[tuple[int, bytes]]:
        """Read what is there; return the complete frames: first byte and content."""
        data = self.connection.recv(262_144)
        if not data:
            raise ConnectionError("the server closed a connection")
        self.received += data
        frames = []
        while (frame := self._frame()) is not None:
            frames.append(frame)
        return frames

    def _frame(self) -> tuple[int, bytes] | None:
        if len(self.received) < 4:
            return None
        length, header = self.received[1], 2
        if length == 126:
            length, header = struct.unpack_from("!H", self.received, 2)[0], 4
        end = header + length
        if len(self.received) < end:
            return None
        frame = self.received[0], bytes(self.received[header:end])
        del self.received[:end]
        return frame

    def answer_ping(self, content: bytes) -> None:
        """Answer with a mask of zeros, which leaves the content as it is."""
        self.connection.sendall(bytes((PONG, 0x80 | len(content), 0, 0, 0, 0)) + content)


def open_client(host: str, port: int, path: str) -> Client:
    """Connect and shake hands."""
    connection = socket.create_connection((host, port), timeout=PATIENCE_S)
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4_096)
    if b" 101 " not in answer:
        raise ConnectionError(answer.decode(errors="replace"))
    return Client(connection, bytearray(answer.partition(b"\r\n\r\n")[2]))


def follow(pipe: Connection, host: str, port: int, path: str, clients: int, events: int) -> None:
    """Say "ready" through `pipe` when all are connected, then each arrival in s by number of the event.

    Runs in a process of its own; the clock is the one that all processes of a machine share.
    """
    arrivals: dict[int, list[float]] = {}
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(clients):
            client = open_client(host, port, path)
            stack.enter_context(client.connection)
            selector.register(client.connection, selectors.EVENT_READ, client)
        pipe.send("ready")
        missing = clients * events
        while missing:
            ready = selector.select(PATIENCE_S)
            if not ready:
                raise TimeoutError(f"{missing} events did not come")
            for key, _ in ready:
                client = key.data
                frames = client.take()
                arrived_s = time.monotonic()
                for first, content in frames:
                    if first == PING:
                        client.answer_ping(content)
                    elif (seq := _SEQ.search(content)) is not None:
                        arrivals.setdefault(int(seq[1]), []).append(arrived_s)
                        missing -= 1
    pipe.send(arrivals)
