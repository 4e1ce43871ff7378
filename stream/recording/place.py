"""Where a session's recording lies, and who may read it: its owner alone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.events import STREAM_NAME_PATTERN

if TYPE_CHECKING:
    from pathlib import Path

EVENTS_NAME = "events.jsonl"
FOLDER_MODE, FILE_MODE = 0o700, 0o600

_NAME = re.compile(STREAM_NAME_PATTERN)


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one session."""

    folder: Path

    @classmethod
    def of(cls, root: Path, stream: str, session: str) -> Place:
        """Return the place of a session under `root`; raises ValueError for names that lead elsewhere."""
        for name in (stream, session):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot name a folder")
        return cls(root / stream / session)

    @property
    def events(self) -> Path:
        """The file of events."""
        return self.folder / EVENTS_NAME

    def audio(self, start: int) -> Path:
        """Return the file of the stretch that begins with sample `start`; names sort as positions do."""
        return self.folder / f"audio-{start:012}.flac"

    def make(self) -> None:
        """Make the folder.

        Raises OSError where that cannot be done, where it is there already, or where a link in its place
        leads elsewhere.
        """
        stream = self.folder.parent
        stream.mkdir(mode=FOLDER_MODE, exist_ok=True)
        if stream.is_symlink():
            raise NotADirectoryError(f"{stream} is a link")
        self.folder.mkdir(mode=FOLDER_MODE)


def make_root(root: Path) -> None:
    """Make the folder of all recordings if need be; raises ConfigurationError where it is of no use."""
    try:
        root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The folder for recordings {root} cannot be made ({error.strerror}): name another with --record."
        ) from error
    if not os.access(root, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"The folder for recordings {root} cannot be written to: change its mode or name another "
            "with --record."
        )


def create_file(path: Path) -> int:
    """Return a descriptor of a new file to write to; raises OSError, also where the file is there already."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
