"""Settings from the environment: `CMLSTREAM_PORT=9000`, in tables `CMLSTREAM_LIMITS__STREAMS=50`.

A list is written as in TOML: `CMLSTREAM_ALLOWED_ORIGINS='["https://affect.example.org"]'`. An empty variable
is as good as none. What another command could be told is passed over, since all commands of a machine may
share an environment; any other name that begins with CMLSTREAM_ is a mistake.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from cmlstream.models.errors import ConfigurationError

from .redact import without_secrets
from .settings import ListenSettings, ServeSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "CMLSTREAM_"
OF_CLIENTS = frozenset({"CMLSTREAM_TOKEN"})
"""What only `send`, `watch` and the like read."""


@dataclass(frozen=True, slots=True)
class Given:
    """A setting that a variable gives."""

    variable: str
    place: tuple[str, ...]
    """The names that lead to it: its table's, then its own."""
    value: object


@dataclass(frozen=True, slots=True)
class _Option:
    place: tuple[str, ...]
    kind: Any
    """What msgspec converts to."""

    @property
    def variable(self) -> str:
        return PREFIX + "__".join(self.place).upper()


def read_environment(kind: type[msgspec.Struct], environment: Mapping[str, str]) -> Iterator[Given]:
    """Yield what `environment` says of the settings `kind`, each value of the type it must have.

    Raises ConfigurationError naming the variable, its value and what is allowed.
    """
    known = {option.variable: option for option in _options(kind)}
    elsewhere = {
        option.variable for command in (ListenSettings, ServeSettings) for option in _options(command)
    }
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable in OF_CLIENTS:
            continue
        if variable not in known.keys() | elsewhere:
            raise ConfigurationError(
                f"There is no setting {variable}: choose among {', '.join(known)}{_hint(variable, text)}"
            )
        if text and variable in known:
            yield Given(variable, known[variable].place, _convert(known[variable], text))


def _options(kind: type[msgspec.Struct], table: tuple[str, ...] = ()) -> Iterator[_Option]:
    for field in msgspec.structs.fields(kind):
        place = (*table, field.name)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _options(field.type, place)
        else:
            yield _Option(place, field.type)


def _convert(option: _Option, text: str) -> object:
    try:
        if isinstance(msgspec.inspect.type_info(option.kind), msgspec.inspect.VarTupleType):
            return msgspec.convert(_toml_value(text), option.kind)
        return msgspec.convert(text, option.kind, strict=False)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        allowed = _allowed(option, error)
        raise ConfigurationError(
            f"{option.variable} is {without_secrets(repr(text))}: {allowed}{_hint(option.variable, text)}"
        ) from None


def _toml_value(text: str) -> object:
    return tomllib.loads(f"value = {text}")["value"]


def _allowed(option: _Option, error: Exception) -> str:
    info = msgspec.inspect.type_info(option.kind)
    match info:
        case msgspec.inspect.VarTupleType():
            return 'write a list as in TOML, such as ["https://affect.example.org"]'
        case msgspec.inspect.LiteralType(values):
            return f"choose among {', '.join(str(value) for value in values)}"
    return str(error).removesuffix(", got `str`")


def _hint(variable: str, text: str) -> str:
    """Explain what Kubernetes puts into the environment of every pod beside a service called cmlstream."""
    if variable.startswith(f"{PREFIX}SERVICE_") or text.startswith(("tcp://", "udp://")):
        return "; Kubernetes sets it for a service of this name: give the pod `enableServiceLinks: false`"
    return ""
