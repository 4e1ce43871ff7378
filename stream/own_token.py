"""The token that this program presents to a server: from a file or the environment.

Never from an option: command lines can be seen by everybody on the machine.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from cmlstream.models.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "CMLSTREAM_TOKEN"
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,256}")


def read_token(path: Path | None) -> str | None:
    """Return the token in the file at `path`, or in the environment, if there is one.

    Raises ConfigurationError where it cannot be read or is no token; it is never shown.
    """
    if path is None:
        place, token = VARIABLE, os.environ.get(VARIABLE) or None
    else:
        place, token = str(path), _read(path)
    if token is not None and not _TOKEN.fullmatch(token):
        raise ConfigurationError(
            f"{place} holds no token: it has 16 to 256 letters, digits, dots, dashes, underscores and tildes"
        )
    return token


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"The token file {path} cannot be read ({reason}): check it") from error
