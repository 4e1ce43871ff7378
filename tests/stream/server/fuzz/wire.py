"""Bytes of HTTP and websockets, as wrong as wanted: a library would refuse to write most of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x5a\xa5\x3c\xc3"

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
    "Sec-WebSocket-Version": "13",
}


class Ending(Enum):
    """What an attacker does when all is sent."""

    WAIT = "waits to be closed"
    HALF_CLOSE = "says that nothing more comes, and reads on"
    ABORT = "resets the connection"


@dataclass(frozen=True, slots=True)
class Attack:
    """What one connection sends, and what the server may do about it.

    `frames` follow once the websocket is open; with a pause between them, if one is told. `answers` are HTTP
    statuses, codes of closes, or None for a connection that just ends. Who is deaf reads nothing before all
    is sent.
    """

    name: str
    request: bytes
    answers: frozenset[int | None]
    frames: tuple[bytes, ...] = ()
    ending: Ending = Ending.WAIT
    pause_s: float = 0.0
    deaf: bool = False


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    reserved: int = 0,
    masked: bool = True,
    claimed: int | None = None,
    wide: int = 0,
) -> bytes:
    """Return a frame; `claimed` is the length it pretends to have, in `wide` bytes (0: as few as do)."""
    length = len(payload) if claimed is None else claimed
    wide = wide or (0 if length < 126 else 2 if length < 65_536 else 8)
    first = (final << 7) | (reserved << 4) | opcode
    second = (masked << 7) | {0: length, 2: 126, 8: 127}[wide]
    extended = b"" if not wide else struct.pack("!H" if wide == 2 else "!Q", length)
    body = masked_with(payload) if masked else payload
    return bytes((first, second)) + extended + (MASK if masked else b"") + body


def masked_with(payload: bytes) -> bytes:
    size = len(payload)
    mask = (MASK * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


def request(port: int, path: str = "/v1/ingest", **changed: str | None) -> bytes:
    """Return a request to open a websocket; a header is changed, added, or with None left out."""
    headers: dict[str, str | None] = {"Host": f"127.0.0.1:{port}", **HANDSHAKE}
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [
        f"GET {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items() if value is not None),
    ]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def frames_in(received: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and payload of the whole frames that a server sent."""
    at = 0
    while at + 2 <= len(received):
        opcode, length = received[at] & 15, received[at + 1] & 127
        at += 2
        if length > 125:
            wide = 2 if length == 126 else 8
            length = int.from_bytes(received[at : at + wide], "big")
            at += wide
        if at + length > len(received):
            return
        yield opcode, received[at : at + length]
        at += length
