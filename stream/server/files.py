"""Files that the server is given, and a warning where they hold secrets that everybody may read."""

from __future__ import annotations

import logging
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
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The {what} {path} cannot be read ({error.strerror}): check its name and who may read it."
        ) from error


def read_secret(path: Path, what: str) -> bytes:
    """Do the same for a file of secrets, and log a warning where others than owner and group may read it."""
    content = read_public(path, what)
    if path.stat().st_mode & stat.S_IROTH:
        _log.warning("The %s %s can be read by everybody on this machine: chmod o-r %s", what, path, path)
    return content
