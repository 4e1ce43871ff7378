"""Files that the server is given, and a warning where they hold secrets that everybody may read."""

from __future__ import annotations

import logging
import os
import stat
from typing import TYPE_CHECKING

from cmlstream.models.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)


def read_public(path: Path, what: str) -> bytes:
    """Return what is in the file at `path`, called `what` where something must be said about it; blocks.

    Raises ConfigurationError where it cannot be read.
    """
    return _read(path, what)[0]


def read_secret(path: Path, what: str) -> bytes:
    """Do the same for a file of secrets, and log a warning where others than owner and group may read it."""
    content, mode = _read(path, what)
    if mode & stat.S_IROTH:
        _log.warning("The %s %s can be read by everybody on this machine: chmod o-r %s", what, path, path)
    return content


def _read(path: Path, what: str) -> tuple[bytes, int]:
    """Return content and mode of one and the same file, which another may replace meanwhile."""
    try:
        with path.open("rb") as file:
            return file.read(), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise ConfigurationError(
            f"The {what} {path} cannot be read ({error.strerror}): check its name and who may read it."
        ) from error
