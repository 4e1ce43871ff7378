"""A file that takes what it is given wholly or not at all, though its disk be full."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .place import create_file

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes of a file and where they go."""

    offset: int
    data: bytes


class WholeFile:
    """A new file. Everything here blocks and raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = create_file(path)
        self.length = 0
        """In bytes."""

    def put(self, patch: Patch) -> None:
        """Write the patch; where that fails the file does not grow."""
        try:
            _write(self._descriptor, patch)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.length)
            raise
        self.length = max(self.length, patch.offset + len(patch.data))

    def sync(self) -> None:
        """Wait until what is written is on the disk."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Close the file, and remove it where it holds nothing."""
        os.close(self._descriptor)
        if not self.length:
            self._path.unlink()


def _write(descriptor: int, patch: Patch) -> None:
    """Write all of it: a disk that fills takes a part, and refuses the rest."""
    rest, offset = memoryview(patch.data), patch.offset
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
