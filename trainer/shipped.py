"""The models that ship with the program, by name."""

from pathlib import Path

from cmlstream.models import archive


def model_path(name: str) -> Path:
    """The archive of that name among those that ship, or else the file of that name."""
    return next((path for path in _archives() if path.parent.name == name), Path(name))


def names() -> list[str]:
    """What the models that ship are called."""
    return [path.parent.name for path in _archives()]


def _archives() -> list[Path]:
    default = archive.default_path()
    return sorted(default.parents[1].glob(f"*/{default.name}"))
