"""How settings are read from a file and the command line, and what is refused."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import msgspec

from cmlstream.models.errors import ConfigurationError

from .settings import ListenSettings

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path | None, overrides: dict[str, object]) -> ListenSettings:
    """Return the settings in the file at `path`, if any, with `overrides` on top.

    Raises ConfigurationError naming the option, its value and what is allowed.
    """
    options = (_read(path) if path else {}) | overrides
    try:
        return msgspec.convert(options, ListenSettings)
    except msgspec.ValidationError as error:
        where = f" ({path})" if path else ""
        raise ConfigurationError(_explain(error, options) + where) from error


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"The configuration {path} cannot be read ({error.strerror}): check --config."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The configuration {path} is not TOML: {error}.") from error


def _explain(error: msgspec.ValidationError, options: dict[str, object]) -> str:
    """Name the option at fault and its value: msgspec ends its messages with "- at `$.table.option`"."""
    reason, _, place = str(error).removesuffix("`").partition(" - at `$")
    names = place.split(".")[1:]
    if unknown := re.search(r"unknown field `([^`]+)", reason):
        known = ", ".join(_options_at(names))
        return f"There is no option `{'.'.join([*names, unknown[1]])}`: choose among {known}"
    if names == ["stream"]:
        reason = "use up to 64 letters, digits, dots, dashes and underscores, the first a letter or digit"
    value: object = options
    for name in names:
        value = value[name] if isinstance(value, dict) else value
    return f"Option `{'.'.join(names)}` is {value!r}: {reason}"


def _options_at(names: list[str]) -> tuple[str, ...]:
    """Return the options of the settings, or of the table in them that `names` leads to."""
    struct: type[msgspec.Struct] = ListenSettings
    for name in names:
        struct = next(field.type for field in msgspec.structs.fields(struct) if field.name == name)
    return struct.__struct_fields__
