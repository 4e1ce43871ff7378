"""Files that are whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

ENDING = ".part"
"""Of a file that is still being written."""


@contextmanager
def written_aside(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written beside `path` and renamed to it at the end; after an error nothing is left.

    Processes that write the same file do not meet: each has its own, and the last one stays.
    """
    aside = path.with_name(f"{path.name}.{os.getpid()}{ENDING}")
    try:
        with aside.open("wb") as file:
            yield file
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
