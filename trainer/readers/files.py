"""The files of a corpus: whatever lies below its folder, in a fixed order."""

import os
from collections.abc import Iterator
from pathlib import Path

from cmlstream.models.errors import CorpusError

AUDIO = frozenset({".aif", ".aiff", ".flac", ".mp3", ".ogg", ".opus", ".wav"})
"""Endings, in lower case, of what libsndfile can open and corpora are handed out as."""


def audio_files(folder: Path) -> Iterator[Path]:
    """All recordings below a folder.

    Raises:
        CorpusError: the folder is missing or cannot be listed.

    """
    return (path for path in files(folder) if path.suffix.lower() in AUDIO)


def files(folder: Path) -> Iterator[Path]:
    """All files below a folder and what it links to, but nothing hidden (as `._*` of archives made on a Mac).

    Raises:
        CorpusError: the folder is missing or cannot be listed.

    """
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise CorpusError(f"{folder} cannot be listed ({error.strerror}): name a corpus's folder.") from error
    return _below(folder.resolve())


def _below(folder: Path) -> Iterator[Path]:
    entered: set[str] = set()
    for place, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        # A link to a folder above would lead around in circles.
        if (real := os.path.realpath(place)) in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _refuse(error: OSError) -> None:
    raise CorpusError(
        f"{error.filename} cannot be listed ({error.strerror}): "
        "mend its permissions or take it out of the corpus."
    ) from error


def printable(text: str) -> str:
    """A text that holds names, fit to be shown: what no terminal should be sent is escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
