"""Audio files of every kind that libsndfile reads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from cmlstream.models.errors import InputError

from .base import Chunk, Source
from .convert import Converter
from .pace import at_pace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

    from numpy.typing import NDArray

    from cmlstream.models.contract import Samples

BLOCK_S = 0.5
"""Read at a time: long enough for the trip to the reading thread to cost nothing."""


class UnknownKindError(InputError):
    """A file that libsndfile does not take for audio; another library may."""


class FileSource(Source):
    """An audio file, as fast as it is taken, or with `realtime` at the pace it was spoken.

    `channel` picks one, counted from 1; otherwise all are mixed. The file waits for a slow reader.

    Raises InputError at once where the file cannot be read or is empty.
    """

    def __init__(self, path: Path, *, realtime: bool = False, channel: int | None = None) -> None:
        self.description = f"file {path.name}"
        self.paced = realtime
        self._path = path
        self._channel = channel
        with _open(path) as file:
            _converter(file, path, channel)

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Yield the file from its start; raises InputError where it cannot be read or is empty."""
        whole = self._blocks()
        async with aclosing(whole), aclosing(at_pace(whole) if self.paced else whole) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _blocks(self) -> AsyncGenerator[Chunk, None]:
        position = 0
        async with aclosing(_on_a_thread(read_blocks(self._path, self._channel))) as blocks:
            async for block_T in blocks:
                yield Chunk(block_T, position)
                position += len(block_T)


def read_whole(path: Path, channel: int | None = None) -> Samples:
    """Return all of the file at once; raises InputError where it cannot be read or is empty."""
    return np.concatenate(list(read_blocks(path, channel)))


def read_blocks(path: Path, channel: int | None = None) -> Generator[Samples, None, None]:
    """Yield the file in blocks of half a second; raises InputError where it cannot be read or is empty."""
    with _open(path) as file:
        converter = _converter(file, path, channel)
        while len(frames_TC := _read(file, path)):
            yield converter.push(frames_TC)
        yield converter.flush()


def _converter(file: soundfile.SoundFile, path: Path, channel: int | None) -> Converter:
    try:
        return Converter(file.samplerate, file.channels, channel)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


async def _on_a_thread(blocks: Generator[Samples, None, None]) -> AsyncGenerator[Samples, None]:
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="file")
    try:
        while (block_T := await loop.run_in_executor(thread, next, blocks, None)) is not None:
            if len(block_T):
                yield block_T
    finally:
        # One thread, so this waits for a read that a cancellation left running.
        thread.submit(blocks.close)
        thread.shutdown(wait=False)


def _open(path: Path) -> soundfile.SoundFile:
    _check_regular(path)
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise UnknownKindError(
            f"{path} cannot be read as audio ({_reason(error)}): give one of {_readable_kinds()}"
        ) from error
    except TypeError as error:  # soundfile asks for what a headerless .raw file does not say
        raise InputError(
            f"{path} is raw audio without a header: feed it with `cmlstream listen - --rate HZ < {path}`"
        ) from error
    if file.frames == 0:
        file.close()
        raise InputError(f"{path} holds no audio: give a recording with speech in it")
    return file


def _read(file: soundfile.SoundFile, path: Path) -> NDArray[np.float32]:
    try:
        frames_TC: NDArray[np.float32] = file.read(
            round(BLOCK_S * file.samplerate), dtype="float32", always_2d=True
        )
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path} breaks off ({_reason(error)}): give an intact copy") from error
    return frames_TC


def _check_regular(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder: name one audio file in it")
    if not path.exists():
        raise InputError(f"{path} does not exist: check the path, or say `mic` or `sample`")
    if not path.is_file():
        raise InputError(f"{path} is not a regular file: pipe raw audio into `cmlstream listen -`")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty: give a recording with speech in it")


def _readable_kinds() -> str:
    return ", ".join(sorted(soundfile.available_formats().keys() - {"RAW"}))


def _reason(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).rstrip(".")
