"""The public description of the wire, generated from its classes: JSON Schema and AsyncAPI."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from .events import STREAM_NAME_PATTERN, WIRE_VERSION, Event

JsonObject = dict[str, Any]
"""A document of a foreign format, for which no class of ours could say more than its specification."""

_ABOUT = (
    "Activation, valence and emotion of speech, while it is spoken: estimates of expressed affect, not of "
    "feelings. An event is one JSON object, the same on every transport."
)
_ABOUT_WEBSOCKET = (
    "One event per text message. Closed with 1001 when the stream ends or the server stops, and with 1013 "
    "when the subscriber did not read for too long. What a slow subscriber missed, or what is no longer "
    "held, is told by a gap in its place."
)
_ABOUT_SINCE = (
    "Replay what is held after this number of the newest session, then go on live; or SESSION:NUMBER, "
    "once for each session, so that nothing is missed when a new one has begun. Without it: only what "
    "comes from now on."
)
_ABOUT_REDIS = (
    "The name of the stream stands in literal braces, as in cmlstream:{live}:live, so that all keys of a "
    "stream share a shard. The same events are entries, under the field `event`, of the Redis stream "
    "cmlstream:{NAME}:events, where nothing is missed; the newest estimate is at cmlstream:{NAME}:latest."
)

_KINDS: tuple[type[msgspec.Struct], ...] = get_args(Event)


def event_schema() -> bytes:
    """Return the JSON Schema (2020-12) of every event, as UTF-8."""
    (event,), definitions = msgspec.json.schema_components([Event], ref_template="#/$defs/{name}")
    return _rendered(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"An event of cmlstream, version {WIRE_VERSION} of the wire",
            **event,
            "$defs": definitions,
        }
    )


def asyncapi_document() -> bytes:
    """Return the AsyncAPI 3.0 document of the transports that carry the events, as UTF-8."""
    _, schemas = msgspec.json.schema_components([Event], ref_template="#/components/schemas/{name}")
    messages = {kind.__name__: _message(kind) for kind in _KINDS}
    return _rendered(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "cmlstream",
                "version": str(WIRE_VERSION),
                "description": _ABOUT,
            },
            "defaultContentType": "application/json",
            "channels": {"events": _websocket_channel(), "live": _redis_channel()},
            "operations": {"sendEvents": _sends("events"), "publishEvents": _sends("live")},
            "components": {"messages": messages, "schemas": schemas},
        }
    )


def _message(kind: type[msgspec.Struct]) -> JsonObject:
    return {
        "name": kind.__struct_config__.tag,
        "title": kind.__name__,
        "summary": kind.__doc__,
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }


def _websocket_channel() -> JsonObject:
    return {
        "address": "/v1/events",
        "title": "Events over a websocket",
        "description": _ABOUT_WEBSOCKET,
        "messages": _references("#/components/messages/"),
        "bindings": {"ws": {"method": "GET", "query": _query(), "bindingVersion": "0.1.0"}},
    }


def _query() -> JsonObject:
    return {
        "type": "object",
        "properties": {
            "stream": {
                "type": "string",
                "default": "*",
                "pattern": rf"(^\*$)|({STREAM_NAME_PATTERN})",
                "description": "a stream to follow, repeated for several; * means every stream",
            },
            "since": {
                "type": "string",
                "pattern": "^(.{1,128}:)?[0-9]{1,15}$",
                "description": _ABOUT_SINCE,
            },
        },
        "additionalProperties": False,
    }


def _redis_channel() -> JsonObject:
    return {
        "address": "cmlstream:{{stream}}:live",
        "title": "Events over Redis Pub/Sub",
        "description": _ABOUT_REDIS,
        "parameters": {"stream": {"description": "name of the stream"}},
        "messages": _references("#/components/messages/"),
    }


def _sends(channel: str) -> JsonObject:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": list(_references(f"#/channels/{channel}/messages/").values()),
    }


def _references(prefix: str) -> dict[str, JsonObject]:
    return {kind.__name__: {"$ref": f"{prefix}{kind.__name__}"} for kind in _KINDS}


def _rendered(document: JsonObject) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
