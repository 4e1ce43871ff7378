"""The AsyncAPI document of the transports: events over websockets and Redis, and audio over websockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import msgspec

from .asyncapi_texts import (
    ABOUT,
    ABOUT_AUDIO,
    ABOUT_BEARER,
    ABOUT_INGEST,
    ABOUT_REDIS,
    ABOUT_SINCE,
    ABOUT_SUBPROTOCOL,
    ABOUT_WEBSOCKET,
    refusals_table,
)
from .events import KINDS, STREAM_NAME_PATTERN, WIRE_VERSION, Event
from .ingest import INGEST_PATH, FromSender, Refusal, Refused, ToSender
from .schema import rendered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .schema import JsonObject

_EVENTS = tuple(kind.__name__ for kind in KINDS.values())
_FROM_SENDER = tuple(kind.__name__ for kind in get_args(FromSender))
_TO_SENDER = tuple(kind.__name__ for kind in get_args(ToSender))
_AUDIO = "Audio"


def asyncapi_document() -> bytes:
    """Return the AsyncAPI 3.0 document, as UTF-8."""
    return rendered(
        {
            "asyncapi": "3.0.0",
            "info": {"title": "cmlstream", "version": str(WIRE_VERSION), "description": ABOUT},
            "defaultContentType": "application/json",
            "channels": {
                "events": _events_channel(),
                "live": _redis_channel(),
                "ingest": _ingest_channel(),
            },
            "operations": {
                "sendEvents": _operation("send", "events", _EVENTS),
                "publishEvents": _operation("send", "live", _EVENTS),
                "receiveAudio": _operation("receive", "ingest", (*_FROM_SENDER, _AUDIO)),
                "answerSenders": _operation("send", "ingest", _TO_SENDER),
            },
            "components": {
                "messages": _messages(),
                "schemas": _schemas(),
                "securitySchemes": _security_schemes(),
            },
        }
    )


def _schemas() -> JsonObject:
    _, schemas = msgspec.json.schema_components(
        [Event, FromSender, ToSender], ref_template="#/components/schemas/{name}"
    )
    schemas[Refused.__name__]["properties"]["code"]["enum"] = [refusal.code for refusal in Refusal]
    return schemas


def _messages() -> JsonObject:
    kinds = (*get_args(Event), *get_args(FromSender), *get_args(ToSender))
    return {kind.__name__: _message(kind) for kind in kinds} | {_AUDIO: _audio()}


def _message(kind: type[msgspec.Struct]) -> JsonObject:
    return {
        "name": kind.__struct_config__.tag,
        "title": kind.__name__,
        "summary": kind.__doc__,
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }


def _audio() -> JsonObject:
    return {
        "name": "audio",
        "title": _AUDIO,
        "summary": ABOUT_AUDIO,
        "contentType": "application/octet-stream",
        "payload": {"type": "string", "format": "binary"},
    }


def _events_channel() -> JsonObject:
    return {
        "address": "/v1/events",
        "title": "Events over a websocket",
        "description": ABOUT_WEBSOCKET,
        "messages": _references("#/components/messages/", _EVENTS),
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
                "pattern": r"^((.{1,128}:)?[0-9]{1,15}|[0-9]{1,10}(\.[0-9]{1,6})?s)$",
                "description": ABOUT_SINCE,
            },
            "type": {
                "type": "string",
                "enum": list(KINDS),
                "description": "a type of event, repeated for several; without it all are told",
            },
            "features": _switch("0", "1 adds `features` to the estimates that the node holds itself"),
            "embedding": _switch("1", "0 leaves `embedding` out of the estimates"),
        },
        "additionalProperties": False,
    }


def _switch(default: str, description: str) -> JsonObject:
    return {"type": "string", "enum": ["0", "1"], "default": default, "description": description}


def _redis_channel() -> JsonObject:
    return {
        "address": "cmlstream:{{stream}}:live",
        "title": "Events over Redis Pub/Sub",
        "description": ABOUT_REDIS,
        "parameters": {"stream": {"description": "name of the stream"}},
        "messages": _references("#/components/messages/", _EVENTS),
    }


def _ingest_channel() -> JsonObject:
    return {
        "address": INGEST_PATH,
        "title": "Audio over a websocket",
        "description": f"{ABOUT_INGEST}\n\n{refusals_table()}",
        "messages": _references("#/components/messages/", (*_FROM_SENDER, _AUDIO, *_TO_SENDER)),
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }


def _operation(action: str, channel: str, messages: Iterable[str]) -> JsonObject:
    operation: JsonObject = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": list(_references(f"#/channels/{channel}/messages/", messages).values()),
    }
    if channel != "live":
        operation["security"] = [
            {"$ref": f"#/components/securitySchemes/{scheme}"} for scheme in _security_schemes()
        ]
    return operation


def _security_schemes() -> JsonObject:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": ABOUT_BEARER},
        "subprotocol": {
            "type": "httpApiKey",
            "in": "header",
            "name": "Sec-WebSocket-Protocol",
            "description": ABOUT_SUBPROTOCOL,
        },
    }


def _references(prefix: str, names: Iterable[str]) -> dict[str, JsonObject]:
    return {name: {"$ref": f"{prefix}{name}"} for name in names}
