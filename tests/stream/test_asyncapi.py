import json
from typing import Any, get_args
from urllib.parse import urlencode

import msgspec
import pytest
from jsonschema import Draft202012Validator

from cmlstream.stream.asyncapi import asyncapi_document
from cmlstream.stream.asyncapi_texts import REFUSALS
from cmlstream.stream.events import KINDS, Event
from cmlstream.stream.ingest import Ack, FromSender, Hello, Ready, Refusal, Refused, Skip, ToSender, encode
from cmlstream.stream.selection import SelectionError, parse_selection
from tests.stream.references import assert_references_lead_somewhere

DOCUMENT: dict[str, Any] = json.loads(asyncapi_document())
EVENTS = {kind.__name__ for kind in get_args(Event)}
FROM_SENDER = {kind.__name__ for kind in get_args(FromSender)}
TO_SENDER = {kind.__name__ for kind in get_args(ToSender)}


def messages_of(operation: str) -> set[str]:
    return {one["$ref"].rpartition("/")[2] for one in DOCUMENT["operations"][operation]["messages"]}


def validator_of(kind: str) -> Draft202012Validator:
    return Draft202012Validator({**DOCUMENT, "$ref": f"#/components/schemas/{kind}"})


def test_the_channels_and_their_messages_are_those_of_the_code() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    channels = DOCUMENT["channels"]
    assert [channels[name]["address"] for name in ("events", "ingest")] == ["/v1/events", "/v1/ingest"]
    assert "cmlstream:{NAME}:events" in channels["live"]["description"]
    for name in ("events", "live"):
        assert set(channels[name]["messages"]) == EVENTS
    assert set(channels["ingest"]["messages"]) == FROM_SENDER | TO_SENDER | {"Audio"}
    names = {DOCUMENT["components"]["messages"][kind]["name"] for kind in EVENTS}
    assert names == set(KINDS)


def test_each_direction_has_its_own_messages() -> None:
    assert messages_of("receiveAudio") == FROM_SENDER | {"Audio"}
    assert messages_of("answerSenders") == TO_SENDER
    assert messages_of("sendEvents") == messages_of("publishEvents") == EVENTS


def test_every_reference_leads_somewhere() -> None:
    assert_references_lead_somewhere(DOCUMENT)


@pytest.mark.parametrize("kind", [*get_args(Event), *get_args(FromSender), *get_args(ToSender)])
def test_docstrings_are_the_public_documentation(kind: type[msgspec.Struct]) -> None:
    assert DOCUMENT["components"]["schemas"][kind.__name__]["description"] == kind.__doc__


@pytest.mark.parametrize(
    "message",
    [
        Hello(stream="kitchen", format="mulaw", rate=8_000, channels=2, channel=1, token="t" * 16),
        Skip(samples=5),
        Ready(session="1-a", sample=0),
        Ack(sample=16_000),
        *(Refused(code=refusal.code, message="A sentence.") for refusal in Refusal),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_is_said_fits_its_schema(message: FromSender | ToSender) -> None:
    validator_of(type(message).__name__).validate(json.loads(encode(message)))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("Hello", {"type": "hello", "stream": "../etc"}),
        ("Hello", {"type": "hello", "stream": "kitchen", "rate": 4_000}),
        ("Hello", {"type": "hello", "stream": "kitchen", "codec": "opus"}),
        ("Skip", {"type": "skip", "samples": 0}),
        ("Refused", {"type": "error", "code": "boredom", "message": "A sentence."}),
    ],
)
def test_what_must_not_be_said_does_not_fit(kind: str, said: dict[str, object]) -> None:
    assert not validator_of(kind).is_valid(said)


def test_every_error_code_is_explained_with_its_close() -> None:
    assert list(REFUSALS) == list(Refusal)
    for refusal in Refusal:
        row = f"| `{refusal.code}` | {refusal.close_code} | {REFUSALS[refusal]} |"
        assert row in DOCUMENT["channels"]["ingest"]["description"]


def test_every_websocket_takes_a_token_in_either_place() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert schemes["bearer"] | {"description": ""} == {"type": "http", "scheme": "bearer", "description": ""}
    assert schemes["subprotocol"]["name"] == "Sec-WebSocket-Protocol"
    for name, operation in DOCUMENT["operations"].items():
        expected = set() if name == "publishEvents" else set(schemes)
        assert {one["$ref"].rpartition("/")[2] for one in operation.get("security", ())} == expected


@pytest.mark.parametrize(
    ("query", "understood"),
    [
        ({"stream": "*"}, True),
        ({"stream": "kitchen", "since": "17"}, True),
        ({"since": "1700000000000-ab12:3"}, True),
        ({"since": "2.5s"}, True),
        ({"since": "s"}, False),
        *(({"type": kind}, True) for kind in KINDS),
        ({"features": "1", "embedding": "0"}, True),
        ({"stream": "a b"}, False),
        ({"since": "soon"}, False),
        ({"strem": "kitchen"}, False),
        ({"type": "effect"}, False),
        ({"features": "yes"}, False),
        ({"embedding": "2"}, False),
    ],
)
def test_the_document_and_the_server_understand_the_same_queries(
    query: dict[str, str], understood: bool
) -> None:
    described = DOCUMENT["channels"]["events"]["bindings"]["ws"]["query"]
    assert Draft202012Validator(described).is_valid(query) == understood
    try:
        parse_selection(urlencode(query))
    except SelectionError:
        assert not understood
    else:
        assert understood
