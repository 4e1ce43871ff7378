"""A stream of audio to a server, over a link that may break as often as it likes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from cmlstream.models.errors import ConfigurationError, InputError
from cmlstream.stream.ingest import INGEST_PATH, Hello, decode_from_sender, encode

from .address import parse_server
from .audio import PLAIN, pieces
from .outbox import Outbox
from .states import unobserved
from .uplink import Uplink

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from ssl import SSLContext

    from cmlstream.stream.ingest import Summary

    from .audio import Audio, AudioFormat
    from .outbox import Payload
    from .states import Report

BUFFER_BYTES = 8 * 2**20
"""More than three minutes of 16 kHz mono in pieces of 20 ms."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sender got, in frames since it began."""

    session: str | None
    """What the events name."""
    pushed_frames: int
    acknowledged_frames: int
    skipped_frames: int
    """Missing, and said to the server to be."""
    buffered_bytes: int
    delay_s: float | None
    """From the push of what was acknowledged last until that."""

    @property
    def buffered_frames(self) -> int:
        """Pushed and not yet acknowledged."""
        return self.pushed_frames - self.acknowledged_frames


class Sender:
    """One stream of audio to a server; `open_sender` makes it. For one event loop, not for other threads."""

    def __init__(
        self, uplink: Uplink, outbox: Outbox, form: AudioFormat, running: asyncio.Task[Summary]
    ) -> None:
        self._uplink = uplink
        self._outbox = outbox
        self._form = form
        self._running = running
        self._loop = asyncio.get_running_loop()

    @property
    def progress(self) -> Progress:
        """How far it got."""
        outbox, uplink = self._outbox, self._uplink
        return Progress(
            uplink.session,
            outbox.end,
            outbox.start,
            outbox.skipped_frames,
            outbox.held_bytes,
            uplink.delay_s,
        )

    async def push(self, audio: Audio) -> None:
        """Send audio, whole frames; waits while the buffer is full.

        Raises InputError where it is not of the sender's format, or comes after `end`.
        """
        self._check_open()
        for piece in pieces(audio, self._form):
            while not self._outbox.has_room(len(piece)):
                self._uplink.room.clear()
                await self._uplink.room.wait()
            self._put(piece)

    def push_newest(self, audio: Audio) -> None:
        """Send live audio, which cannot wait: where the buffer is full the oldest becomes a gap.

        Raises InputError as `push`.
        """
        self._check_open()
        for piece in pieces(audio, self._form):
            self._put(piece)

    def skip(self, frames: int) -> None:
        """Say that so many frames are missing here, which is published as a gap."""
        self._check_open()
        if frames > 0:
            self._outbox.skip(frames, self._loop.time())
            self._uplink.wake()

    def new_speaker(self) -> None:
        """Say that someone else speaks from here on."""
        self._check_open()
        self._outbox.new_speaker(self._loop.time())
        self._uplink.wake()

    async def end(self) -> Summary:
        """Send what is held, and return what became of the stream once its last event is published.

        Waits for as long as the server is away. Cancelled, it goes on in the background until the sender
        is closed.
        """
        self._uplink.end()
        return await asyncio.shield(self._running)

    def _put(self, piece: Payload) -> None:
        self._outbox.push(piece, self._loop.time())
        self._uplink.wake()

    def _check_open(self) -> None:
        if self._uplink.ending:
            raise InputError("Audio came after the end of its stream: open another sender")


@asynccontextmanager
async def open_sender(
    url: str,
    *,
    stream: str,
    form: AudioFormat = PLAIN,
    live: bool = True,
    token: str | None = None,
    buffer_bytes: int = BUFFER_BYTES,
    on_state: Report = unobserved,
    tls: SSLContext | None = None,
) -> AsyncGenerator[Sender, None]:
    """Open a stream on the server at `url`; leaving without `end` lets it wait there for another sender.

    What the server has not acknowledged is kept, up to `buffer_bytes`, and sent again over the next
    connection. A server that has forgotten the stream begins a new session with what is kept.

    Args:
        url: `ws://`, `wss://` (or http, https) of a server.
        stream: what the stream is called.
        form: what is pushed.
        live: whether it is pushed as it is spoken; otherwise the server leaves no estimate out to keep up.
        token: what a server with tokens demands.
        buffer_bytes: kept at most.
        on_state: called with Connecting, Connected and Lost as that changes.
        tls: whom to trust in place of the system's authorities.

    Raises:
        ConfigurationError: at once, where `url`, `stream` or `form` cannot be.
        ServiceError: where no connection comes about at first; at any time, on a refusal that trying again
            would not change. The body is cancelled then.

    """
    hello = _hello(stream, form, live=live)
    outbox = Outbox(form.frame_bytes, buffer_bytes)
    uplink = Uplink(parse_server(url, INGEST_PATH), hello, outbox, on_state, token=token, tls=tls)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(uplink.run())
            await uplink.opened.wait()
            yield Sender(uplink, outbox, form, running)
            running.cancel()
    except BaseExceptionGroup as group:
        # Whoever uses this knows of one error, not of tasks.
        first = group.exceptions[0]
        raise first from first.__cause__


def _hello(stream: str, form: AudioFormat, *, live: bool) -> Hello:
    hello = Hello(
        stream=stream,
        format=form.encoding,
        rate=form.rate,
        channels=form.channels,
        channel=form.channel,
        live=live,
    )
    try:
        decode_from_sender(encode(hello))
    except msgspec.ValidationError as error:
        raise ConfigurationError(_explained(error, stream)) from error
    if form.channel is not None and form.channel > form.channels:
        raise ConfigurationError(
            f"Channel {form.channel} was asked for, but the audio has {form.channels}: pick one of them"
        )
    return hello


def _explained(error: msgspec.ValidationError, stream: str) -> str:
    if str(error).endswith("`$.stream`"):
        return (
            f"A stream cannot be called {stream!r}: use up to 64 letters, digits, dots, dashes and "
            "underscores, the first a letter or digit"
        )
    return f"Audio of this format cannot be sent: {error}"
