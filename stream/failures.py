"""What breaks a session off, and how its followers are told."""

from __future__ import annotations

from cmlstream.models.errors import CmlstreamError, InputError


def told_of(failure: Exception) -> tuple[str, str]:
    """Return code and message of the `error` that tells followers why a session breaks off."""
    match failure:
        case InputError():
            return "source", str(failure)
        case CmlstreamError():
            return "model", str(failure)
        case _:
            return "defect", "The stream ended by a defect of the program: its log says more."


def first_of(group: ExceptionGroup[Exception]) -> Exception:
    """Return the error that a task group raised; the others followed from it."""
    error = group.exceptions[0]
    return first_of(error) if isinstance(error, ExceptionGroup) else error
