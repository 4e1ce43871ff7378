"""The JSON Schema of every event, generated from the classes of the wire."""

from __future__ import annotations

from typing import Any

import msgspec

from .events import WIRE_VERSION, Event

JsonObject = dict[str, Any]
"""A document of a foreign format, for which no class of ours could say more than its specification."""


def event_schema() -> bytes:
    """Return the JSON Schema (2020-12) of every event, as UTF-8."""
    (event,), definitions = msgspec.json.schema_components([Event], ref_template="#/$defs/{name}")
    return rendered(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"An event of cmlstream, version {WIRE_VERSION} of the wire",
            **event,
            "$defs": definitions,
        }
    )


def rendered(document: JsonObject) -> bytes:
    """Return the document as people like to read it, as UTF-8."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
