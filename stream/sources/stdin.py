"""Raw PCM from a pipe: the way in for every tool that can write to one."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np

from cmlstream.models.errors import InputError

from .base import Chunk, Source
from .convert import Converter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cmlstream.models.contract import Samples

BLOCK_S = 0.5
"""Taken from the pipe at most at a time, so that a fast writer does not arrive in lumps."""

SAMPLE_BYTES = 2

CONTAINERS = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg"}
"""First bytes of files that would sound as noise if they were taken for samples."""
MAGIC_BYTES = 4

log = logging.getLogger(__name__)


class RawSource(Source):
    """16-bit little-endian PCM, channels interleaved, read from the file descriptor `descriptor`.

    Whoever writes waits while nobody reads. Not paced: how old the audio in a pipe is cannot be known.
    A frame that the end cuts in two is left out, with a warning in the log. The descriptor stays its owner's.

    Raises InputError at once for an impossible rate or channel.
    """

    description = "standard input"
    paced = False

    def __init__(self, descriptor: int, rate: int, channels: int = 1, channel: int | None = None) -> None:
        self._descriptor = descriptor
        self._frame_bytes = channels * SAMPLE_BYTES
        self._block_bytes = round(BLOCK_S * rate) * self._frame_bytes
        self._channels = channels
        self._converter = Converter(rate, channels, channel)

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Yield until the pipe ends; raises InputError for a terminal, an audio file, and no audio at all."""
        if os.isatty(self._descriptor):
            raise InputError("standard input is a terminal: pipe raw audio into it, or name a file or `mic`")
        position = 0
        async with aclosing(self._samples()) as pieces:
            async for samples_T in pieces:
                if len(samples_T):
                    yield Chunk(samples_T, position)
                position += len(samples_T)

    async def _samples(self) -> AsyncGenerator[Samples, None]:
        pending = await self._read()
        while 0 < len(pending) < MAGIC_BYTES and (more := await self._read()):
            pending += more
        _check_raw(pending)
        while pending:
            whole_bytes = len(pending) // self._frame_bytes * self._frame_bytes
            yield self._converter.push(self._frames(pending[:whole_bytes]))
            rest = pending[whole_bytes:]
            more = await self._read()
            pending = rest + more if more else b""
        if rest:
            log.warning("standard input ended inside a frame: check --channels, and that it is 16-bit")
        yield self._converter.flush()

    async def _read(self) -> bytes:
        """Return what has arrived, empty at the end; nothing waits in a thread, so it can be cancelled."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        try:
            loop.add_reader(self._descriptor, readable.set)
        except PermissionError:
            # The selector refuses plain files and /dev/null, which never make a reader wait.
            return await asyncio.to_thread(self._take)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._descriptor)
        return self._take()

    def _take(self) -> bytes:
        try:
            return os.read(self._descriptor, self._block_bytes)
        except OSError as error:
            raise InputError(
                f"standard input cannot be read ({error.strerror}): pipe raw 16-bit audio into it"
            ) from error

    def _frames(self, whole: bytes) -> Samples:
        return np.frombuffer(whole, "<i2").astype(np.int16).reshape(-1, self._channels)


def _check_raw(beginning: bytes) -> None:
    if not beginning:
        raise InputError("standard input is empty: pipe raw 16-bit audio into it")
    if kind := CONTAINERS.get(beginning[:MAGIC_BYTES]):
        raise InputError(
            f"standard input is a {kind} file, not raw audio: name the file itself as the source"
        )
