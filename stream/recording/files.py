"""The open files of one session's recording. Everything here blocks and raises OSError."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE

from .flac import FlacEncoder
from .whole_file import Patch, WholeFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cmlstream.models.contract import Samples
    from cmlstream.stream.sources.base import Chunk

    from .place import Place

LONGEST_STRETCH_SAMPLES = 3_600 * SAMPLE_RATE
"""An hour: about 60 MB, so that what is old can be deleted while the stream goes on."""


class Stretch:
    """An unbroken stretch of audio. Its file is there from the first full frame on."""

    def __init__(self, path: Path, start: int) -> None:
        self.start = self.end = start
        self._path = path
        self._encoder = FlacEncoder()
        self._file: WholeFile | None = None

    def write(self, samples_T: Samples) -> None:
        """Go on with `samples_T`."""
        self.end += len(samples_T)
        self._put(self._encoder.push(samples_T))

    def sync(self) -> None:
        """Wait until what is written is on the disk."""
        if self._file is not None:
            self._file.sync()

    def close(self) -> None:
        """Write the rest and close the file, also where that fails."""
        try:
            self._put(self._encoder.flush())
            self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is, which is whole."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _put(self, patches: Sequence[Patch]) -> None:
        for patch in patches:
            if self._file is None:
                self._file = WholeFile(self._path)
            self._file.put(patch)


class SessionFiles:
    """A file of events, and of audio the stretch that goes on."""

    def __init__(self, place: Place) -> None:
        place.make()
        self._place = place
        self._events = WholeFile(place.events)
        self._stretch: Stretch | None = None

    def write_events(self, lines: bytes) -> None:
        """Append whole lines: all, or none where that fails."""
        self._events.put(Patch(self._events.length, lines))

    def write_audio(self, chunk: Chunk) -> None:
        """Append audio, in a new file where some is missing before it."""
        stretch = self._stretch
        if stretch is None or stretch.end != chunk.start or _is_long(stretch):
            self._end_stretch()
            stretch = self._stretch = Stretch(self._place.audio(chunk.start), chunk.start)
        stretch.write(chunk.samples_T)

    def sync(self) -> None:
        """Wait until what is written is on the disk."""
        self._events.sync()
        if self._stretch is not None:
            self._stretch.sync()

    def close(self) -> None:
        """Write the rest and close the files, also where that fails."""
        with ExitStack() as stack:
            stack.callback(self._events.close)
            stack.callback(self._events.sync)
            self._end_stretch()

    def abandon(self) -> None:
        """Close the files as they are, which is whole."""
        self._events.close()
        if self._stretch is not None:
            self._stretch.abandon()

    def _end_stretch(self) -> None:
        stretch, self._stretch = self._stretch, None
        if stretch is not None:
            stretch.close()


def _is_long(stretch: Stretch) -> bool:
    return stretch.end - stretch.start >= LONGEST_STRETCH_SAMPLES
