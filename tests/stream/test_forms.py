import json

import numpy as np
import pytest
from msgspec import UNSET

from cmlstream.models.contract import EMOTIONS, Estimate
from cmlstream.models.egemaps.names import FEATURE_NAMES
from cmlstream.stream import forms, translate
from cmlstream.stream.events import Affect, Message, SpeechEnded, decode
from cmlstream.stream.forms import DEFAULT_FORM, Features, Form, payload
from tests.stream.synthetic import FEATURES, SyntheticSession

BRIEF = Form(embedding=False)
FULL = Form(features=True)


def test_the_default_form_is_what_was_published() -> None:
    message = SyntheticSession().affect()
    assert payload(message, DEFAULT_FORM) is message.payload
    assert "features" not in json.loads(message.payload)


@pytest.mark.parametrize("form", [BRIEF, FULL, Form(embedding=False, features=True)])
def test_a_form_differs_only_in_what_was_asked_for(form: Form) -> None:
    session = SyntheticSession()
    for message in (session.affect(), session.speech_ended()):
        expected = json.loads(message.payload)
        if form.features:
            expected["features"] = {name: list(pair) for name, pair in FEATURES.told().items()}
        if not form.embedding:
            del expected["embedding"]
        assert json.loads(payload(message, form)) == expected


def test_events_without_an_estimate_have_one_form() -> None:
    session = SyntheticSession()
    for message in (session.started(), session.status(), session.gap()):
        assert payload(message, FULL) is message.payload


def test_a_region_too_short_for_an_estimate_has_no_features() -> None:
    told = json.loads(payload(SyntheticSession().speech_ended(short=True), FULL))
    assert told["embedding"] is None
    assert "features" not in told


def test_a_thousand_subscribers_of_one_form_cost_one_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    monkeypatch.setattr(forms, "encode", lambda event: encoded.append(event) or b"{}")
    message = SyntheticSession().affect()
    for _ in range(1_000):
        payload(message, FULL)
        payload(message, BRIEF)
    assert len(encoded) == 2


@pytest.mark.parametrize("form", [BRIEF, FULL])
def test_what_a_client_reads_back_has_or_lacks_the_fields(form: Form) -> None:
    event = decode(payload(SyntheticSession().affect(), form))
    assert isinstance(event, Affect)
    assert bool(event.embedding) == form.embedding
    assert event.features == (FEATURES.told() if form.features else UNSET)


def test_features_are_told_as_exactly_as_they_are_known() -> None:
    values_F = np.array([1 / 3, -1e-7, 12_345.678], np.float32)
    told = Features(("a", "b", "c"), np.stack((values_F, -values_F))).told()
    assert [np.float32(value) for value, _ in told.values()] == pytest.approx(values_F, rel=1e-6)
    assert str(told["a"][0]) == "0.3333333"


def test_features_of_an_estimate_carry_their_names_and_do_not_keep_its_batch() -> None:
    features_BF = np.arange(500 * 88, dtype=np.float32).reshape(500, 88)
    estimate = Estimate(0, 0, (0.25,) * len(EMOTIONS), np.zeros(8), 0.25, 0, features_BF[3], -features_BF[3])
    found = translate.features(estimate)
    assert found.told()[FEATURE_NAMES[0]] == (264, -264)
    assert len(found.told()) == 88
    assert not np.shares_memory(found.pairs_PF, features_BF)


def test_a_message_with_features_is_still_an_event_and_its_bytes() -> None:
    message = SyntheticSession().speech_ended()
    assert isinstance(message.event, SpeechEnded)
    assert message == Message(message.event, message.payload, message.session_ms, message.features)
