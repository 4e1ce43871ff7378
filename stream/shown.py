"""Settings as TOML, to look at and to start from: every option, where it came from, and no secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from .redact import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .config import Configuration

DEFAULT = "default"


def shown(configuration: Configuration[msgspec.Struct]) -> str:
    """Return the settings as TOML that can be read back, each line with where its value came from.

    Users, passwords and queries of URLs are hidden. TOML has no word for "none": what is not set is shown
    as a comment.
    """
    return "\n".join(_table(configuration, configuration.settings, ()))


def _table(
    configuration: Configuration[msgspec.Struct], settings: msgspec.Struct, place: tuple[str, ...]
) -> Iterator[str]:
    if place:
        yield f"\n[{'.'.join(place)}]"
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    tables = {name: value for name, value in values.items() if isinstance(value, msgspec.Struct)}
    for name, value in values.items():
        if name not in tables:
            origin = configuration.origins.get((*place, name), DEFAULT)
            yield f"{_assignment(name, value)}  # {json.dumps(origin, ensure_ascii=True)[1:-1]}"
    for name, table in tables.items():
        yield from _table(configuration, table, (*place, name))


def _assignment(name: str, value: object) -> str:
    return f"#{name} =" if value is None else f"{name} = {_literal(value)}"


def _literal(value: object) -> str:
    """Return the value as TOML writes it, which is nearly as JSON does."""
    match value:
        case str():
            # TOML forbids the one control character that JSON lets stand as it is.
            return json.dumps(without_secrets(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple() | list():
            return f"[{', '.join(map(_literal, value))}]"
        case _:
            return json.dumps(value)
