"""Files that torch writes: whole or not there, and read only if every bit is as it was written."""

import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import torch

from cmlstream.models.errors import ModelError

from .aside import written_aside

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, UnpicklingError, ValueError)
"""What reading a file raises where a bit fell over, or the end is missing."""


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values by name; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as file:
        torch.save(content, file)


def load(path: Path) -> Any:
    """What a file holds, tensors and plain values alone, on the processor; raises OSError.

    Raises:
        ModelError: it is damaged.

    """
    file = BytesIO(path.read_bytes())
    if not _is_whole(file):
        raise damaged(path)
    try:
        return torch.load(file, weights_only=True, map_location="cpu")
    except DAMAGE as error:
        raise damaged(path) from error


def damaged(path: Path) -> ModelError:
    """The sentence about a file that is not what was written."""
    return ModelError(f"The checkpoint {path} is damaged: delete it and fit the model again.")


def _is_whole(file: BinaryIO) -> bool:
    """Whether every record fits its checksum, at which torch does not look."""
    try:
        with zipfile.ZipFile(file) as records:
            return records.testzip() is None
    except DAMAGE:
        return False
    finally:
        file.seek(0)
