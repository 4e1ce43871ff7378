"""How settings are read, the later over the earlier: from a file, the environment, the command line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from cmlstream.models.errors import ConfigurationError

from .environment import read_environment
from .redact import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

S = TypeVar("S", bound=msgspec.Struct)
S_co = TypeVar("S_co", bound=msgspec.Struct, covariant=True)

COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Configuration(Generic[S_co]):
    """Settings, and where those that are no defaults came from."""

    settings: S_co
    origins: Mapping[tuple[str, ...], str]
    """By the names that lead to a setting: a file, a variable, or COMMAND_LINE."""


def load(
    kind: type[S], path: Path | None, environment: Mapping[str, str], overrides: Mapping[str, object]
) -> S:
    """Return the settings alone; see `read`."""
    return read(kind, path, environment, overrides).settings


def read(
    kind: type[S], path: Path | None, environment: Mapping[str, str], overrides: Mapping[str, object]
) -> Configuration[S]:
    """Return the settings in the file at `path`, if any, with those of `environment` and `overrides` on top.

    Raises ConfigurationError naming the option, its value, where that comes from and what is allowed.
    """
    layers = _Layers()
    if path is not None:
        layers.lay(_read(path), str(path))
    for given in read_environment(kind, environment):
        layers.set(given.place, given.value, given.variable)
    layers.lay(overrides, COMMAND_LINE)
    try:
        return Configuration(msgspec.convert(layers.options, kind), layers.origins)
    except msgspec.ValidationError as error:
        raise ConfigurationError(_explain(error, kind, layers)) from error


class _Layers:
    """Options as TOML nests them, each as the last one that set it left it."""

    def __init__(self) -> None:
        self.options: dict[str, object] = {}
        self.origins: dict[tuple[str, ...], str] = {}

    def lay(self, options: Mapping[str, object], origin: str, table: tuple[str, ...] = ()) -> None:
        self._table(table)  # an empty one may be misspelt
        for name, value in options.items():
            place = (*table, name)
            if isinstance(value, dict):
                self.lay(value, origin, place)
            else:
                self.set(place, value, origin)

    def set(self, place: tuple[str, ...], value: object, origin: str) -> None:
        table = self._table(place[:-1])
        if table is not None:
            table[place[-1]] = value
            self.origins[place] = origin

    def _table(self, place: tuple[str, ...]) -> dict[str, object] | None:
        """Return the table there; None where a value stands in its place, of which converting complains."""
        table = self.options
        for name in place:
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict):
                return None
            table = inner
        return table


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"The configuration {path} cannot be read ({error.strerror}): check --config."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The configuration {path} is not TOML: {error}.") from error


def _explain(error: msgspec.ValidationError, kind: type[msgspec.Struct], layers: _Layers) -> str:
    """Name the option at fault and its value: msgspec ends its messages with "- at `$.table.option`"."""
    reason, _, path = str(error).removesuffix("`").partition(" - at `$")
    place = tuple(re.findall(r"\.([^.\[]+)", path))
    if unknown := re.search(r"unknown field `([^`]+)", reason):
        known = ", ".join(_options_at(kind, place))
        place = (*place, unknown[1])
        return f"There is no option `{'.'.join(place)}`: choose among {known}{_where(place, layers)}"
    if place == ("stream",):
        reason = "use up to 64 letters, digits, dots, dashes and underscores, the first a letter or digit"
    value: object = layers.options
    for name in place:
        value = value[name] if isinstance(value, dict) else value
    return f"Option `{'.'.join(place)}` is {without_secrets(repr(value))}: {reason}{_where(place, layers)}"


def _where(place: tuple[str, ...], layers: _Layers) -> str:
    """Return the file or variable in brackets; of the command line everybody can think themselves."""
    origins = {origin for one, origin in layers.origins.items() if one[: len(place)] == place}
    named = ", ".join(sorted(origins - {COMMAND_LINE}))
    return f" ({named})" if named else ""


def _options_at(kind: type[msgspec.Struct], place: tuple[str, ...]) -> tuple[str, ...]:
    """Return the options of the settings, or of the table in them that `place` leads to."""
    struct = kind
    for name in place:
        struct = next(field.type for field in msgspec.structs.fields(struct) if field.name == name)
    return struct.__struct_fields__
