"""The open files of one session's recording. Everything here blocks and raises OSError."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE

from .flac import FlacEncoder
from .place import create_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cmlstream.models.contract import Samples
    from cmlstream.stream.sources.base import Chunk

    from .flac import Patch
    from .place import Place

LONGEST_STRETCH_SAMPLES = 3_600 * SAMPLE_RATE
"""An hour: about 60 MB, so that what is old can be deleted while the stream goes on."""


class Stretch:
    """An unbroken stretch of audio. Its file is there from the first full frame on."""

    def __init__(self, path: Path, start: int) -> None:
        self.start = self.end = start
        self._path = path
        self._encoder = FlacEncoder()
        self._descriptor: int | None = None

    def write(self, samples_T: Samples) -> None:
        """Go on with `samples_T`."""
        self.end += len(samples_T)
        self._put(self._encoder.push(samples_T))

    def sync(self) -> None:
        """Wait until what is written is on the disk."""
        if self._descriptor is not None:
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Write the rest and close the file, also where that fails."""
        try:
            self._put(self._encoder.flush())
            self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is, which is whole."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _put(self, patches: Sequence[Patch]) -> None:
        if patches and self._descriptor is None:
            self._descriptor = create_file(self._path)
        for patch in patches:
            assert self._descriptor is not None
            _write(self._descriptor, patch.data, patch.offset)


class SessionFiles:
    """A file of events, and of audio the stretch that goes on."""

    def __init__(self, place: Place) -> None:
        place.make()
        self._place = place
        self._events = create_file(place.events)
        self._length = 0
        self._stretch: Stretch | None = None

    def write_events(self, lines: bytes) -> None:
        """Append whole lines: all, or none where that fails."""
        try:
            _write(self._events, lines, self._length)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._events, self._length)
            raise
        self._length += len(lines)

    def write_audio(self, chunk: Chunk) -> None:
        """Append audio, in a new file where some is missing before it."""
        stretch = self._stretch
        if (
            stretch is None
            or stretch.end != chunk.start
            or stretch.end - stretch.start >= LONGEST_STRETCH_SAMPLES
        ):
            self._end_stretch()
            stretch = self._stretch = Stretch(self._place.audio(chunk.start), chunk.start)
        stretch.write(chunk.samples_T)

    def sync(self) -> None:
        """Wait until what is written is on the disk."""
        os.fdatasync(self._events)
        if self._stretch is not None:
            self._stretch.sync()

    def close(self) -> None:
        """Write the rest and close the files, also where that fails."""
        with ExitStack() as stack:
            stack.callback(os.close, self._events)
            stack.callback(os.fdatasync, self._events)
            self._end_stretch()

    def abandon(self) -> None:
        """Close the files as they are, which is whole."""
        os.close(self._events)
        if self._stretch is not None:
            self._stretch.abandon()

    def _end_stretch(self) -> None:
        stretch, self._stretch = self._stretch, None
        if stretch is not None:
            stretch.close()


def _write(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of `data`: a disk that fills takes a part, and refuses the rest."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
