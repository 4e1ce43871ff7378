"""A real websocket server that speaks `/v1/ingest` to the letter, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from cmlstream.stream.ingest import (
    Ack,
    End,
    Hello,
    NewSpeaker,
    Ready,
    Refused,
    Skip,
    Summary,
    decode_from_sender,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.server import ServerConnection

    from cmlstream.stream.ingest import FromSender, Refusal, ToSender

RECEIVE_BUFFER_BYTES = 65_536


@dataclass
class Heard:
    """What came of one session: its audio with zeros where some is missing, and the rest by its place."""

    audio: bytearray = field(default_factory=bytearray)
    skips: list[tuple[int, int]] = field(default_factory=list)
    speakers: list[int] = field(default_factory=list)
    frame_bytes: int = 2

    @property
    def frames(self) -> int:
        return len(self.audio) // self.frame_bytes


class StrictServer:
    """Keeps one stream over any number of connections; `sessions` is what each of its sessions heard.

    It acknowledges every message. Tests change its attributes at any time.
    """

    def __init__(self) -> None:
        self.url = ""
        self.sessions: dict[str, Heard] = {"s1": Heard()}
        self.hellos: list[Hello] = []
        self.refusals: list[Refusal] = []
        """How the next hellos are answered."""
        self.acknowledging = True
        self.reading = asyncio.Event()
        self.reading.set()
        self.messages = 0
        self.connection: ServerConnection | None = None
        self._connections: list[ServerConnection] = []

    @property
    def session(self) -> str:
        return list(self.sessions)[-1]

    @property
    def heard(self) -> Heard:
        return self.sessions[self.session]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[StrictServer]:
        async with serve(self._converse, "127.0.0.1", 0, compression=None) as server:
            (listener,) = server.sockets
            # By itself the kernel's buffer grows to minutes of audio, and takes what nobody reads.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            self.url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            yield self
            self.reading.set()
            for connection in self._connections:
                connection.transport.abort()

    def forget(self) -> None:
        """Begin a new session with the next hello, as a server does that was started anew."""
        self.sessions[f"s{len(self.sessions) + 1}"] = Heard()

    def cut(self) -> None:
        """Break the connection without a word."""
        assert self.connection is not None
        self.connection.transport.abort()

    def stall(self) -> None:
        """Read and answer nothing more on this connection, without closing it."""
        assert self.connection is not None
        self.connection.transport.pause_reading()

    async def refuse(self, refusal: Refusal) -> None:
        """Turn the sender away that is there."""
        assert self.connection is not None
        await self._dismiss(self.connection, refusal)

    async def _converse(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        assert connection.request.path == "/v1/ingest"
        self._connections.append(connection)
        with suppress(ConnectionClosed):
            await self._listen(connection)

    async def _listen(self, connection: ServerConnection) -> None:
        hello = decode_from_sender(await connection.recv())
        assert isinstance(hello, Hello)
        self.hellos.append(hello)
        if self.refusals:
            await self._dismiss(connection, self.refusals.pop(0))
            return
        self.connection = connection
        heard = self.heard
        await _say(connection, Ready(session=self.session, sample=heard.frames))
        async for message in connection:
            self.messages += 1
            await self.reading.wait()
            if isinstance(message, bytes):
                assert message, "an empty message says nothing"
                assert len(message) % heard.frame_bytes == 0
                heard.audio += message
            elif isinstance(said := decode_from_sender(message), End):
                await _say(connection, self._summary(heard))
                return
            else:
                _take_note(heard, said)
            if self.acknowledging:
                await _say(connection, Ack(sample=heard.frames))

    async def _dismiss(self, connection: ServerConnection, refusal: Refusal) -> None:
        await _say(connection, Refused(code=refusal.code, message="It cannot be."))
        await connection.close(refusal.close_code, refusal.code)

    def _summary(self, heard: Heard) -> Summary:
        return Summary(
            session=self.session,
            sample=heard.frames,
            audio_s=heard.frames / 16_000,
            speech_s=0,
            regions=0,
            events=2,
            dropped_samples=sum(frames for _, frames in heard.skips),
            thinned_updates=0,
        )


def _take_note(heard: Heard, said: FromSender) -> None:
    match said:
        case Skip(samples=samples):
            heard.skips.append((heard.frames, samples))
            heard.audio += bytes(samples * heard.frame_bytes)
        case NewSpeaker():
            heard.speakers.append(heard.frames)
        case _:
            raise AssertionError(f"{said} is said before any audio")


async def _say(connection: ServerConnection, message: ToSender) -> None:
    await connection.send(encode(message), text=True)
