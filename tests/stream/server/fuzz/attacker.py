"""One connection that misbehaves, and whether the server bore it as it says it does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmlstream.stream.ingest import Refusal

from .wire import CLOSE, TEXT, Attack, Ending, frames_in

if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE_S = 20.0
"""After which a connection counts as hanging; the server under test closes silent ones after two seconds."""

_CLOSE_CODES = {refusal.code: refusal.close_code for refusal in Refusal}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a server did to a connection."""

    status: int | None
    """Of HTTP, where it answered at all."""
    close_code: int | None
    """Of the websocket's close, where it came."""
    error: str | None
    """The code in the server's last message, where that was an error."""

    @property
    def answer(self) -> int | None:
        return self.status if self.status not in {None, 101} else self.close_code


async def carry_out(attack: Attack, port: int) -> Outcome:
    """Do it, and return what came of it; raises TimeoutError where the server leaves it hanging."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        opened, hearing = asyncio.Event(), asyncio.Event()
        if not attack.deaf:
            hearing.set()
        reading = asyncio.create_task(_read(reader, opened, hearing))
        try:
            with contextlib.suppress(OSError):
                await _send(attack, writer, reading, opened)
            hearing.set()
            return _outcome(await reading)
        finally:
            reading.cancel()
            writer.transport.abort()


def complaint(attack: Attack, outcome: Outcome) -> str | None:
    """Return what is wrong with how the server bore an attack, if anything is."""
    if attack.ending is Ending.ABORT:
        return None
    if outcome.answer not in attack.answers:
        return f"answered {outcome} instead of {sorted(attack.answers, key=str)}"
    if outcome.error is not None and outcome.close_code not in {None, _CLOSE_CODES.get(outcome.error)}:
        return f"said {outcome.error!r} but closed with {outcome.close_code}"
    if outcome.close_code is not None and outcome.close_code >= 4_000 and outcome.error is None:
        return f"closed with {outcome.close_code} without a word"
    return None


async def _send(
    attack: Attack, writer: asyncio.StreamWriter, reading: asyncio.Task[bytes], opened: asyncio.Event
) -> None:
    writer.write(attack.request)
    if attack.frames:
        await opened.wait()
    for sent in attack.frames:
        writer.write(sent)
        await writer.drain()
        if attack.pause_s:
            await asyncio.wait({reading}, timeout=attack.pause_s)
    if attack.ending is Ending.HALF_CLOSE:
        writer.write_eof()
    if attack.ending is Ending.ABORT:
        lingering = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader, opened: asyncio.Event, hearing: asyncio.Event) -> bytes:
    """Return all that comes until a close or the end."""
    received = bytearray()
    try:
        while more := await reader.read(65_536):
            received += more
            if b"\r\n\r\n" in received:
                opened.set()
                await hearing.wait()
            if any(opcode == CLOSE for opcode, _ in frames_in(_after_head(received))):
                break
    except OSError:
        pass  # a reset ends it as well
    opened.set()
    return bytes(received)


def _after_head(received: bytes | bytearray) -> bytes:
    head, _, rest = bytes(received).partition(b"\r\n\r\n")
    return rest if head.startswith(b"HTTP/1.1 101 ") else b""


def _outcome(received: bytes) -> Outcome:
    status = int(received.split(maxsplit=2)[1]) if received.startswith(b"HTTP/1.1 ") else None
    frames = list(frames_in(_after_head(received)))
    closes = [payload for opcode, payload in frames if opcode == CLOSE]
    code = None if not closes else int.from_bytes(closes[0][:2], "big") if closes[0] else 1_005
    return Outcome(status, code, _error(payload for opcode, payload in frames if opcode == TEXT))


def _error(messages: Iterable[bytes]) -> str | None:
    said = [json.loads(message) for message in messages]
    return said[-1].get("code") if said and said[-1]["type"] == "error" else None
