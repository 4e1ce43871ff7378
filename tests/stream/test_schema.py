import json
import math
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator

from cmlstream.stream.events import Affect, Event, SpeechEnded, Status, encode
from cmlstream.stream.forms import Form, payload
from cmlstream.stream.schema import event_schema
from tests.stream.references import assert_references_lead_somewhere
from tests.stream.synthetic import SyntheticSession

KINDS: tuple[type[Event], ...] = get_args(Event)
SCHEMA: dict[str, Any] = json.loads(event_schema())


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(SCHEMA)
    return Draft202012Validator(SCHEMA)


def one_of_each() -> list[Event]:
    session = SyntheticSession()
    messages = [
        session.started(),
        session.speech_started(),
        session.affect(),
        session.speech_ended(),
        session.speech_ended(short=True),
        session.status(),
        session.gap(),
        session.error(),
        session.ended(),
    ]
    return [message.event for message in messages]


def test_every_kind_of_event_is_tried() -> None:
    assert {type(event) for event in one_of_each()} == set(KINDS)


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: type(event).__name__)
def test_what_is_sent_fits_the_schema(event: Event, validator: Draft202012Validator) -> None:
    validator.validate(json.loads(encode(event)))


@pytest.mark.parametrize("form", [Form(embedding=False), Form(features=True)])
def test_every_form_of_an_estimate_fits_the_schema(form: Form, validator: Draft202012Validator) -> None:
    session = SyntheticSession()
    for message in (session.affect(), session.speech_ended(), session.speech_ended(short=True)):
        validator.validate(json.loads(payload(message, form)))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("affect", "activation", 1.5),
        ("affect", "valence", -1.01),
        ("affect", "confidence", 2),
        ("affect", "emotion", {"anger": 1.1}),
        ("affect", "stream", "../etc"),
        ("affect", "start_sample", -1),
        ("affect", "seq", "1"),
        ("gap", "kind", "video"),
        ("stream.ended", "reason", "boredom"),
        ("affect", "type", "effect"),
    ],
)
def test_what_must_not_be_sent_does_not_fit(
    kind: str, field: str, value: object, validator: Draft202012Validator
) -> None:
    (sent,) = [
        json.loads(encode(event)) for event in one_of_each() if json.loads(encode(event))["type"] == kind
    ][:1]
    assert validator.is_valid(sent)
    assert not validator.is_valid({**sent, field: value})
    assert not validator.is_valid({name: value for name, value in sent.items() if name != field})


AFFECT_NUMBERS = ("activation", "valence", "confidence", "novelty", "speech_s", "baseline_s")
NUMBERS = [*((Affect, field) for field in AFFECT_NUMBERS), (SpeechEnded, "speech_s"), (Status, "level_dbfs")]


@pytest.mark.parametrize(("kind", "field"), NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_does_not_fit(
    kind: type[Event], field: str, value: float, validator: Draft202012Validator
) -> None:
    (event,) = [event for event in one_of_each() if type(event) is kind][:1]
    broken = msgspec.structs.replace(event, **{field: value})
    assert not validator.is_valid(json.loads(encode(broken)))


@pytest.mark.parametrize("field", ["embedding", "emotion"])
def test_a_number_that_is_none_inside_a_value_does_not_fit(
    field: str, validator: Draft202012Validator
) -> None:
    (event,) = [event for event in one_of_each() if type(event) is Affect]
    value = (0.0, math.nan) if field == "embedding" else {"anger": math.nan}
    assert not validator.is_valid(json.loads(encode(msgspec.structs.replace(event, **{field: value}))))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_docstrings_and_descriptions_are_the_public_documentation(kind: type[Event]) -> None:
    schema = SCHEMA["$defs"][kind.__name__]
    assert schema["description"] == kind.__doc__
    described = msgspec.inspect.type_info(kind)
    assert isinstance(described, msgspec.inspect.StructType)
    for field in described.fields:
        if isinstance(field.type, msgspec.inspect.Metadata) and field.type.extra_json_schema:
            documented = field.type.extra_json_schema["description"]
            assert schema["properties"][field.encode_name]["description"] == documented
    assert schema["properties"]["start_sample"]["description"].startswith("sample index at 16 kHz")


def test_every_reference_leads_somewhere() -> None:
    assert_references_lead_somewhere(SCHEMA)
