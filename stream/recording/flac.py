"""FLAC that is a valid file after every write.

libsndfile writes the number of samples when it closes a file. Until then the header says 0, "unknown", and
what a killed process leaves can neither be sought in nor read at once. So audio is encoded in memory, and
the header's number goes to the file anew with the frames it counts.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import soundfile

from cmlstream.models.contract import SAMPLE_RATE

from .whole_file import Patch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cmlstream.models.contract import Samples

FRAME_SAMPLES = 4_096
"""Samples of every frame but the last, at libFLAC's usual level of compression."""

FRAME_MARK = b"\xff\xf8"
LENGTH_OFFSET = 18
"""Where RFC 9639 puts the eight bytes with rate, channels, sample size and number of samples."""

UNCOUNTED_FIELDS = SAMPLE_RATE << 44 | 0 << 41 | 15 << 36
"""Those bytes without the number: rate, channels less one, bits of a sample less one."""


class FlacEncoder:
    """Turns 16 kHz mono int16 into patches of a file; between any two of them the file is whole.

    Up to FRAME_SAMPLES wait for their frame to be full; `flush` brings them out.
    """

    def __init__(self) -> None:
        self._tape = _Tape()
        self._file = soundfile.SoundFile(self._tape, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC")
        self._frames = 0

    def push(self, samples_T: Samples) -> Sequence[Patch]:
        """Encode samples; return what to write in this order, which is nothing unless a frame is full."""
        self._file.write(samples_T)
        frames = sum(patch.data.startswith(FRAME_MARK) for patch in self._tape.patches)
        if not frames:
            return ()
        self._frames += frames
        return _in_one([*self._tape.take(), self._length()])

    def flush(self) -> Sequence[Patch]:
        """End the file; return what to write in this order."""
        self._file.close()
        return _in_one(self._tape.take())

    def _length(self) -> Patch:
        return Patch(LENGTH_OFFSET, struct.pack(">Q", UNCOUNTED_FIELDS | self._frames * FRAME_SAMPLES))


class _Tape:
    """What libsndfile takes for a file: keeps what it writes, and where."""

    def __init__(self) -> None:
        self.patches: list[Patch] = []
        self._position = 0
        self._end = 0

    def take(self) -> list[Patch]:
        taken, self.patches = self.patches, []
        return taken

    def write(self, data: bytes) -> int:
        self.patches.append(Patch(self._position, bytes(data)))
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        return self._position


def _in_one(patches: Sequence[Patch]) -> Sequence[Patch]:
    """Return the same bytes, in one patch where they begin the file: so there is no half a beginning."""
    if not patches or patches[0].offset > 0:
        return patches
    file = bytearray()
    for patch in patches:
        file[patch.offset : patch.offset + len(patch.data)] = patch.data
    return (Patch(0, bytes(file)),)
