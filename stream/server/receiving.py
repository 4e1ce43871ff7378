"""`/v1/ingest`: a sender says hello and brings audio; it is told how far it got, and what came of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.frames import CTRL_OPCODES, Frame, Opcode

from cmlstream.stream.ingest import (
    ACKNOWLEDGE_S,
    Ack,
    End,
    Hello,
    NewSpeaker,
    Ready,
    Refusal,
    Refused,
    Skip,
    Summary,
    decode_from_sender,
    encode,
)

from .allowance import Allowance
from .streams import SenderRefusedError
from .tokens import Scope

if TYPE_CHECKING:
    from cmlstream.models.contract import ModelCard
    from cmlstream.stream.ingest import FromSender, ToSender
    from cmlstream.stream.settings import LimitSettings

    from .connection import Connection
    from .live_stream import LiveStream
    from .metrics import Metrics
    from .patience import Patience
    from .streams import Streams
    from .tokens import Grant, Tokens

# What is looked up for every message is looked up once.
CONTINUATION, BINARY = Opcode.CONT, Opcode.BINARY
NORMAL_CLOSURE = 1000
FRAME_BYTES = 64
"""What a frame counts for besides its data: one without any has to be read and judged too."""
LONGEST_STREAM_S = 365 * 86_400
"""Skipping alone could lead beyond what dates can hold."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """The last message to a sender, and what its connection is closed with."""

    message: Summary | Refused
    close_code: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Receiving:
    """What every conversation with a sender needs."""

    streams: Streams
    tokens: Tokens
    limits: LimitSettings
    patience: Patience
    metrics: Metrics
    card: ModelCard


class Conversation:
    """One sender's connection. What it says is taken as it arrives; what it is told, `hold` sends."""

    def __init__(self, receiving: Receiving, connection: Connection, secret: str | None) -> None:
        self._receiving = receiving
        self._connection = connection
        self._secret = secret
        self._loop = asyncio.get_running_loop()
        self._heard_s = self._loop.time()
        self._allowance = Allowance(receiving.limits.bytes_per_second, self._heard_s)
        self._received_bytes = 0
        """Not yet counted: a counter costs more than the message."""
        self._text = bytearray()
        self._is_audio = False
        self._live: LiveStream | None = None
        self._grant: Grant | None = None
        self._end_said = False
        self._paused = False
        self._begun = asyncio.Event()
        """The sender said hello, or is gone before it did."""
        self._farewell: asyncio.Future[Farewell | None] = self._loop.create_future()
        """None: the sender is gone, and nobody is left to tell."""

    @property
    def heard_s(self) -> float:
        """When the sender last said anything, by the loop's clock; now, where it is not read."""
        return self._loop.time() if self._paused else self._heard_s

    def hear(self, frame: Frame) -> None:
        """Take one frame of what the sender says, and its share of what the sender may send."""
        if self._farewell.done():
            return
        now_s = self._loop.time()
        size_bytes = len(frame.data)
        if not self._allowance.take(size_bytes + FRAME_BYTES, now_s):
            limit = self._receiving.limits.bytes_per_second
            self.dismiss(Refusal.TOO_FAST, f"More than {limit} bytes a second came: send more slowly.")
            return
        opcode = frame.opcode
        if opcode in CTRL_OPCODES:
            return
        self._heard_s = now_s
        self._received_bytes += size_bytes
        if opcode is not CONTINUATION:
            self._is_audio = opcode is BINARY
        try:
            if self._is_audio:
                self._take_audio(bytes(frame.data))
            else:
                self._text += frame.data
                if frame.fin:
                    self._take(self._read_text())
        except SenderRefusedError as error:
            self.dismiss(error.refusal, str(error))

    def lose(self) -> None:
        """Take note that the connection is gone, closed by websockets itself where a message was too long."""
        closed = self._connection.protocol.close_sent
        too_big = closed is not None and closed.code == Refusal.MESSAGE_TOO_BIG.close_code
        if too_big and not self._farewell.done():
            self._receiving.metrics.refused(Refusal.MESSAGE_TOO_BIG.code)
        self._part(None)

    def dismiss(self, refusal: Refusal, message: str) -> None:
        """Turn the sender away."""
        if not self._farewell.done():
            self._receiving.metrics.refused(refusal.code)
        self._part(Farewell(Refused(code=refusal.code, message=message), refusal.close_code, refusal.code))

    async def hold(self) -> None:
        """Answer the sender until one of the two has had enough; then let its stream wait or end."""
        try:
            await self._await_hello()
            if self._live is not None:
                await self._say(Ready(session=self._live.session, sample=self._live.source.frames))
                await self._acknowledge(self._live)
            farewell = await self._farewell
            if farewell is not None:
                await self._say(farewell.message)
                async with asyncio.timeout(self._receiving.patience.close_s):
                    await self._connection.close(farewell.close_code, farewell.reason)
        except TimeoutError:
            self.dismiss(Refusal.TOO_SLOW, "What the server said was not read.")
            self._connection.transport.abort()
        except ConnectionClosed:
            self._connection.transport.abort()
        finally:
            self._count_received()
            self._part(None)
            if self._live is not None:
                self._receiving.streams.detach(self._live, self)

    async def _await_hello(self) -> None:
        limit_s = self._receiving.limits.hello_s
        try:
            async with asyncio.timeout(limit_s):
                await self._begun.wait()
        except TimeoutError:
            self.dismiss(Refusal.HELLO_TIMEOUT, f"No hello came within {limit_s:g} s: say hello first.")

    async def _acknowledge(self, live: LiveStream) -> None:
        acknowledged = live.source.frames
        while not self._farewell.done():
            await asyncio.wait({self._farewell}, timeout=ACKNOWLEDGE_S)
            self._count_received()
            if live.source.frames != acknowledged and not self._farewell.done():
                acknowledged = live.source.frames
                await self._say(Ack(sample=acknowledged))
            if self._grant is not None and not self._receiving.tokens.holds(self._grant):
                self.dismiss(Refusal.UNAUTHORIZED, "The token is no longer valid.")
            idle_s = self._loop.time() - self.heard_s
            if idle_s > self._receiving.limits.idle_s and not self._end_said:
                self.dismiss(Refusal.IDLE, f"Nothing came for {idle_s:.0f} s: send audio, or end.")

    def _count_received(self) -> None:
        self._receiving.metrics.received(self._received_bytes)
        self._received_bytes = 0

    async def _say(self, message: ToSender) -> None:
        async with asyncio.timeout(self._receiving.patience.send_s):
            await self._connection.send(encode(message), text=True)

    def _part(self, farewell: Farewell | None) -> None:
        self._begun.set()
        if not self._farewell.done():
            self._farewell.set_result(farewell)

    def _take_audio(self, data: bytes) -> None:
        source = self._open_stream().source
        source.push(data)
        if source.full and not self._paused:
            self._paused = True
            self._connection.transport.pause_reading()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._heard_s = self._loop.time()
            self._connection.transport.resume_reading()

    def _read_text(self) -> FromSender:
        text = bytes(self._text)
        self._text.clear()
        try:
            return decode_from_sender(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            refusal = Refusal.BAD_HELLO if self._live is None else Refusal.BAD_MESSAGE
            raise SenderRefusedError(refusal, f"This message cannot be understood: {error}.") from error

    def _take(self, said: FromSender) -> None:
        match said:
            case NewSpeaker() | End() if self._end_said:
                pass  # said again by a sender that was cut off after its end: nothing can acknowledge either
            case Hello():
                self._greet(said)
            case Skip():
                self._skip(said.samples)
            case NewSpeaker():
                self._open_stream().source.change_speaker()
            case End():
                live = self._open_stream()
                self._end_said = True
                live.source.finish("end of input")

    def _skip(self, frames: int) -> None:
        source = self._open_stream().source
        if source.seconds_with(frames) > LONGEST_STREAM_S:
            raise SenderRefusedError(
                Refusal.BAD_MESSAGE, f"{frames} samples cannot be skipped: no stream lasts a year."
            )
        source.skip(frames)

    def _greet(self, hello: Hello) -> None:
        if self._live is not None:
            raise SenderRefusedError(
                Refusal.BAD_MESSAGE, "Hello came twice: open another connection for another stream or format."
            )
        grant = self._receiving.tokens.grant_for(self._secret or hello.token)
        if grant is None:
            raise SenderRefusedError(Refusal.UNAUTHORIZED, "The token is missing or not known here.")
        if Scope.INGEST not in grant.scopes:
            raise SenderRefusedError(Refusal.FORBIDDEN, "This token does not allow to send audio.")
        self._grant = grant
        summary = self._receiving.streams.summary_of(hello.session, grant.name)
        if summary is not None:
            self._part(Farewell(summary, NORMAL_CLOSURE, "end"))
            return
        self._live = self._receiving.streams.attach(hello, grant.name, self)
        self._allowance = self._live.allowance
        self._end_said = self._live.source.ended
        self._live.source.when_room(self._resume)
        self._live.ended.add_done_callback(self._sum_up)
        self._begun.set()

    def _open_stream(self) -> LiveStream:
        """Return the stream; raises SenderRefusedError where none is open."""
        if self._live is None:
            raise SenderRefusedError(Refusal.BAD_HELLO, "Something came before hello: say hello first.")
        if self._end_said:
            raise SenderRefusedError(
                Refusal.BAD_MESSAGE, "Something came after end: open another connection."
            )
        return self._live

    def _sum_up(self, ended: asyncio.Future[Summary]) -> None:
        assert self._live is not None, "only a stream that was open ends"
        match self._live.ending:
            case "stopped":
                self.dismiss(Refusal.SERVER_STOPS, "This server stops: what was sent has been published.")
            case "error":
                self.dismiss(Refusal.FAILED, "The stream broke; its last events say why.")
            case _:
                self._part(Farewell(ended.result(), NORMAL_CLOSURE, "end"))
