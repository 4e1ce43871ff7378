"""Media as a source of audio: streams and files at URLs, and files that libsndfile does not read."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import InputError
from cmlstream.stream.daemon import on_daemon_thread

from .base import Source
from .newest import EndOfAudio, NewestQueue, PatientQueue
from .pace import at_pace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .address import MediaAddress
    from .base import Chunk
    from .decoder import Decoder


HELD_SAMPLES = 2 * SAMPLE_RATE
"""Kept for a reader that is busy; older audio is no longer live."""
CLOSING_LIMIT_S = 1.0
"""FFmpeg cannot be interrupted from outside: a thread that waits for the network longer is left behind."""


class MediaSource(Source):
    """Audio at a URL or in a file, as FFmpeg plays it.

    What has neither a duration nor a size is live: a reader that falls behind by more than 2 s loses the
    oldest audio, and a connection that breaks or ends is made again, for as long as it takes. Both show in
    `dropped_samples` and as a jump in the chunks' `start`, and so does audio that is missing by the stream's
    own time stamps. Anything else waits for its reader, runs at the pace it was spoken with `realtime`, and
    ends. `channel` picks one, counted from 1; otherwise all are mixed.

    Raises InputError at once where PyAV is not installed.
    """

    paced = True

    def __init__(self, address: MediaAddress, *, realtime: bool = False, channel: int | None = None) -> None:
        try:
            from .decoder import open_decoder
        except ImportError as error:
            raise InputError(
                f"{address.shown} needs PyAV, which is not installed: run `pip install 'cmlstream[media]'`"
            ) from error
        self.description = address.shown
        self._address = address
        self._realtime = realtime
        self._channel = channel
        self._open_decoder = open_decoder

    def check(self) -> None:
        """Open and close it, which blocks; raises InputError where it cannot be heard."""
        self._open().close()

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Yield until a recording ends, or for ever; `paced` is known from the first chunk on.

        Raises InputError where nothing can be heard within 10 s, and where a recording breaks off.
        """
        decoder = await on_daemon_thread(self._open, "media")
        self.paced = decoder.is_live or self._realtime
        queue = NewestQueue(HELD_SAMPLES) if decoder.is_live else PatientQueue(HELD_SAMPLES)
        held = self._taken(queue)
        chunks = at_pace(held) if self._realtime and not decoder.is_live else held
        async with self._feeding(decoder, queue), aclosing(held), aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    def _open(self) -> Decoder:
        return self._open_decoder(self._address)

    async def _taken(self, queue: NewestQueue) -> AsyncGenerator[Chunk, None]:
        while True:
            try:
                chunk = await queue.get()
            except EndOfAudio:
                return
            self.dropped_samples = queue.dropped_samples
            yield chunk

    @asynccontextmanager
    async def _feeding(self, decoder: Decoder, queue: NewestQueue) -> AsyncGenerator[None, None]:
        from .feed import Feed

        stopping = threading.Event()
        feed = Feed(self._open, self._channel, queue, stopping)
        # A daemon: a connection that hangs must not keep the program from ending.
        thread = threading.Thread(target=feed.run, args=(decoder,), name="media", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            queue.close()
            await asyncio.to_thread(thread.join, CLOSING_LIMIT_S)
