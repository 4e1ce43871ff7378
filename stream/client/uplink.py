"""The link from a sender to a server: opened, kept alive, and opened again where the stream broke off."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cmlstream.models.errors import ServiceError
from cmlstream.stream.backoff import Backoff
from cmlstream.stream.ingest import (
    Ack,
    End,
    NewSpeaker,
    Ready,
    Refused,
    Skip,
    Summary,
    decode_to_sender,
    encode,
)

from .failures import FAILURES, ConnectionLost, Unreachable, judge
from .refused import judge_refusal
from .states import Connected, Connecting, Lost
from .websocket_link import authorization, logger

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

    from cmlstream.stream.ingest import Hello

    from .address import ServerAddress
    from .outbox import Outbox, Piece
    from .states import Report

OPENING_S = 5.0
"""How long the first connection is tried for: the server may just start, an earlier sender just have died."""
ANSWER_S = 5.0
"""For a connection to open, and for `ready`."""
QUIET_S = 2.0
"""Without a message for so long, the server is asked whether it is there."""
PONG_S = 4.0
"""What it has to answer, before the link counts as dead."""
HELD_UP_S = 20.0
"""The same where audio piles up on its way: a busy server stops reading, questions too, and is there."""
CLOSE_S = 1.0
LONGEST_MESSAGE_BYTES = 65_536
SEND_BUFFER_BYTES = 131_072
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 5.0
"""Audio piles up meanwhile, so attempts are closer together than a follower's."""


class Uplink:
    """Brings what an outbox holds to one stream of a server."""

    def __init__(
        self,
        address: ServerAddress,
        hello: Hello,
        outbox: Outbox,
        report: Report,
        *,
        token: str | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.session: str | None = None
        self.delay_s: float | None = None
        """How long the audio acknowledged last was under way."""
        self.opened = asyncio.Event()
        """Set by the first `ready`."""
        self.room = asyncio.Event()
        """Set whenever the outbox may have room again."""
        self.ending = False
        self._address = address
        self._hello = hello
        self._outbox = outbox
        self._report = report
        self._token = token
        self._tls = tls
        self._origin = 0
        """The outbox's position of the session's first sample."""
        self._pushed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)

    def wake(self) -> None:
        """Take note that the outbox holds more."""
        self._pushed.set()

    def end(self) -> None:
        """Say `end` after what the outbox holds."""
        self.ending = True
        self._pushed.set()

    async def run(self) -> Summary:
        """Bring audio until the summary after `end`, whatever happens to connections.

        Raises ServiceError where the server refuses for good, or no connection came about at first.
        """
        began_s = self._loop.time()
        while True:
            self._report(Connecting(self._address.name))
            try:
                return await self._link()
            except ConnectionLost as loss:
                if not self.opened.is_set() and self._loop.time() - began_s > OPENING_S:
                    raise ServiceError(
                        f"The server {self._address.name} cannot be sent to: {loss}{_remedy(loss)}."
                    ) from loss
                wait_s = self._backoff.next_s()
                self._report(Lost(str(loss), wait_s))
                await asyncio.sleep(wait_s)

    async def _link(self) -> Summary:
        """Bring audio over one connection. Raises ConnectionLost or ServiceError."""
        if self._address.scheme == "wss" and self._tls is None:
            # Reads the system's authorities from files.
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        try:
            async with connect(
                self._address.url(),
                additional_headers=authorization(self._token),
                compression=None,
                max_size=LONGEST_MESSAGE_BYTES,
                open_timeout=ANSWER_S,
                close_timeout=CLOSE_S,
                # `_receive` asks, and only where nothing else tells that the server is there.
                ping_interval=None,
                logger=logger,
                proxy=None if self._address.is_loopback else True,
                ssl=self._tls if self._address.scheme == "wss" else None,
            ) as connection:
                _keep_little_in_kernel(connection)
                try:
                    return await self._greet(connection) or await self._exchange(connection)
                except BaseException:
                    # A closing handshake would wait for room in a full socket.
                    connection.transport.abort()
                    raise
        except FAILURES as failure:
            raise judge(failure, self._address.name) from failure

    async def _greet(self, connection: ClientConnection) -> Summary | None:
        """Begin or take up a session; return its summary where it ended while the connection was lost."""
        hello = msgspec.structs.replace(self._hello, session=self.session)
        async with asyncio.timeout(ANSWER_S):
            await connection.send(encode(hello), text=True)
            answer = self._understand(await connection.recv(decode=False))
        if isinstance(answer, Summary) and self.ending:
            return answer
        if not isinstance(answer, Ready):
            raise ServiceError(f"The server {self._address.name} does not answer a hello with `ready`.")
        self._resume(answer)
        self.opened.set()
        self._report(Connected(self._address.name))
        return None

    def _resume(self, ready: Ready) -> None:
        if ready.session != self.session:
            # What the old session acknowledged belongs to it; the new one begins with what is left.
            self.session = ready.session
            self._origin = self._outbox.start - ready.sample
        elif self._origin + ready.sample > self._outbox.end:
            # Someone else went on with this session: what is held was taken, what follows comes after theirs.
            self._origin = self._outbox.end - ready.sample
        self._outbox.resume(self._origin + ready.sample)
        self.room.set()

    async def _exchange(self, connection: ClientConnection) -> Summary:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write(connection))
            outcome = await self._read(connection)
            writing.cancel()
        if isinstance(outcome, Summary):
            return outcome
        raise outcome

    async def _write(self, connection: ClientConnection) -> None:
        """Send what there is, and `end` when it is time; the reader learns why a connection was closed."""
        with suppress(ConnectionClosed):
            while True:
                self._pushed.clear()
                while (piece := self._outbox.take()) is not None:
                    await _send(connection, piece)
                    # While the socket has room, sending alone lets nobody else run.
                    await asyncio.sleep(0)
                if self.ending:
                    await connection.send(encode(End()), text=True)
                    return
                await self._pushed.wait()

    async def _read(self, connection: ClientConnection) -> Summary | ConnectionLost | ServiceError:
        """Take acknowledgements; return how it ended, which a task group would wrap if it were raised."""
        try:
            while True:
                match self._understand(await _receive(connection)):
                    case Ack(sample=sample):
                        self._acknowledge(self._origin + sample)
                    case Summary() as summary if self.ending:
                        return summary
                    case Summary():
                        return ConnectionLost("the server ended the stream")
                    case Ready():
                        pass
        except FAILURES as failure:
            return judge(failure, self._address.name)
        except (ConnectionLost, ServiceError) as outcome:
            return outcome

    def _understand(self, text: bytes) -> Ready | Ack | Summary:
        try:
            said = decode_to_sender(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ServiceError(
                f"The server {self._address.name} says what this program does not understand: check the "
                "address, and that both are of the same version."
            ) from error
        if isinstance(said, Refused):
            raise judge_refusal(said, self._address.name)
        return said

    def _acknowledge(self, position: int) -> None:
        newest = self._outbox.acknowledge(position)
        if newest is not None:
            self.delay_s = self._loop.time() - newest.pushed_s
        self._backoff.reset()
        self.room.set()


def _remedy(loss: ConnectionLost) -> str:
    """Return what to add where the server itself did not say what is amiss."""
    unreachable = isinstance(loss, Unreachable)
    return "; check the address, and whether `cmlstream serve` runs there" if unreachable else ""


def _keep_little_in_kernel(connection: ClientConnection) -> None:
    """Let it be seen here where audio piles up: by itself the kernel's buffer grows to minutes of audio."""
    transport_socket = connection.transport.get_extra_info("socket")
    transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


async def _send(connection: ClientConnection, piece: Piece) -> None:
    if isinstance(piece.message, Skip | NewSpeaker):
        await connection.send(encode(piece.message), text=True)
    else:
        await connection.send(piece.message)


async def _receive(connection: ClientConnection) -> bytes:
    """Return the next message; raises TimeoutError where nobody is at the other end any more."""
    receiving = asyncio.create_task(connection.recv(decode=False))
    try:
        while not (await asyncio.wait({receiving}, timeout=QUIET_S))[0]:
            await _ask(connection, receiving)
        return await receiving
    finally:
        receiving.cancel()


async def _ask(connection: ClientConnection, receiving: asyncio.Task[bytes]) -> None:
    """Wait until the server answers or says something else; raises TimeoutError where it does not."""
    held_up = connection.transport.get_write_buffer_size() > 0
    answering = asyncio.create_task(_answer(connection))
    try:
        said, _ = await asyncio.wait(
            {receiving, answering},
            timeout=HELD_UP_S if held_up else PONG_S,
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        answering.cancel()
    if not said:
        raise TimeoutError


async def _answer(connection: ClientConnection) -> None:
    # A connection that closes now may have left a message that says why.
    with suppress(ConnectionClosed):
        await (await connection.ping())
