"""Many senders in one process, cheap enough to leave the machine to the server.

They speak websockets by hand: each 20 ms of audio is framed once, before the run, and a chunk costs one
system call. A mask of zeros leaves the payload as it is.
"""

from __future__ import annotations

import base64
import json
import math
import os
import selectors
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.sources.base import CHUNK_SAMPLES

if TYPE_CHECKING:
    from cmlstream.models.contract import Samples

CHUNK_S = CHUNK_SAMPLES / SAMPLE_RATE
BINARY, TEXT, PING, PONG = 0x82, 0x81, 0x89, 0x8A
READ_EVERY_S = 0.5
ROUNDING = 1e-3
"""Of a chunk; hours of floating-point seconds are off by less."""
RAMP_S = 20.0
"""From the first stream's start to the last's: nobody's begin at once, and regions are split at 20 s."""


@dataclass(slots=True)
class Sent:
    """What a run of the senders came to."""

    chunks: int = 0
    late_chunks: int = 0
    """Sent more than 20 ms after their time: the load itself fell behind."""
    refused_bytes: int = 0
    """Not taken by the socket at once: the server read too slowly."""
    processor_s: float = 0.0


@dataclass(slots=True)
class _Sender:
    link: socket.socket
    frames: list[bytes]
    starts_s: float
    unsent: bytes = b""
    heard: bytearray = field(default_factory=bytearray)


def start_s(starts_s: float, number: int, streams: int) -> float:
    """Return when a stream begins, on the monotonic clock: one after the other, chunks evenly spread."""
    slots = int(RAMP_S / CHUNK_S * number / streams)
    return starts_s + CHUNK_S * (slots + number / streams)


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a whole websocket message of a client."""
    if len(payload) < 126:
        return bytes((opcode, 0x80 | len(payload))) + bytes(4) + payload
    return bytes((opcode, 0x80 | 126)) + struct.pack(">H", len(payload)) + bytes(4) + payload


def send(port: int, minutes: list[Samples], streams: int, starts_s: float, duration_s: float) -> Sent:
    """Send `streams` streams in real time from `starts_s` on, for `duration_s` after the last began."""
    framed = [_framed(minute_T) for minute_T in minutes]
    senders = [
        _Sender(
            _connected(port, f"load-{number}"),
            framed[number % len(framed)],
            start_s(starts_s, number, streams),
        )
        for number in range(streams)
    ]
    sent = _send_until(senders, starts_s, starts_s + RAMP_S + duration_s)
    for sender in senders:
        sender.link.setblocking(True)
        sender.link.sendall(sender.unsent + frame(TEXT, b'{"type":"end"}'))
    time.sleep(2.0)
    sent.processor_s = time.process_time()
    return sent


def _framed(minute_T: Samples) -> list[bytes]:
    chunks = minute_T.astype("<i2").reshape(-1, CHUNK_SAMPLES)
    return [frame(BINARY, chunk_T.tobytes()) for chunk_T in chunks]


def _connected(port: int, stream: str) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    link.sendall(
        f"GET /v1/ingest HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += link.recv(4096)
    assert head.startswith(b"HTTP/1.1 101"), head
    link.sendall(frame(TEXT, json.dumps({"type": "hello", "stream": stream}).encode()))
    assert b'"ready"' in link.recv(4096)
    link.setblocking(False)
    return link


def _send_until(senders: list[_Sender], starts_s: float, ends_s: float) -> Sent:
    sent = Sent()
    selector = selectors.DefaultSelector()
    for sender in senders:
        selector.register(sender.link, selectors.EVENT_READ, sender)
    reads_s = time.monotonic()
    slot_s = starts_s
    while slot_s < ends_s:
        for sender in senders:
            chunk = math.ceil((slot_s - sender.starts_s) / CHUNK_S - ROUNDING)
            if chunk < 0:
                break
            wait_s = sender.starts_s + (chunk + 1) * CHUNK_S - time.monotonic()
            if wait_s > 0.001:
                time.sleep(wait_s)
            sent.late_chunks += wait_s < -CHUNK_S
            _push(sender, sender.frames[chunk % len(sender.frames)], sent)
        slot_s += CHUNK_S
        if time.monotonic() > reads_s:
            reads_s += READ_EVERY_S
            for key, _ in selector.select(0):
                _read(key.data)
        time.sleep(max(0.0, slot_s - time.monotonic()))
    return sent


def _push(sender: _Sender, message: bytes, sent: Sent) -> None:
    sent.chunks += 1
    message = sender.unsent + message
    try:
        taken = sender.link.send(message)
    except BlockingIOError:
        taken = 0
    sender.unsent = message[taken:]
    sent.refused_bytes += len(sender.unsent)


def _read(sender: _Sender) -> None:
    """Answer pings; what else the server says is short and of no interest."""
    received = sender.link.recv(65_536)
    assert received, "the server hung up"
    sender.heard += received
    while len(sender.heard) >= 2 and len(sender.heard) >= 2 + (length := sender.heard[1]):
        assert length < 126, "longer than anything a sender is told"
        if sender.heard[0] == PING:
            sender.unsent += frame(PONG, bytes(sender.heard[2 : 2 + length]))
        del sender.heard[: 2 + length]
