import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cmlstream.stream.events import SpeechStarted, decode
from cmlstream.stream.session import Session


def session():
    return Session("desk", "affect 1")


def test_time_is_the_anchor_plus_samples():
    anchored = session()
    assert anchored.time(24_000) - anchored.time(0) == timedelta(seconds=1.5)


def test_the_anchor_says_which_sample_is_heard_now():
    before = datetime.now(UTC)
    anchored = session()
    anchored.anchor_at(32_000)
    assert before <= anchored.time(32_000) <= datetime.now(UTC)


def test_a_clock_that_is_set_back_changes_neither_delay_nor_the_order_of_sessions(monkeypatch):
    first = session()
    now_s = time.time()
    monkeypatch.setattr(time, "time", lambda: now_s - 3600)
    second = session()
    assert second.started_ms > first.started_ms
    assert 0 <= first.delay_s(0) < 3600
    assert first.delay_s(0) - first.delay_s(16_000) == pytest.approx(1, abs=0.1)


def test_hours_of_samples_do_not_drift():
    ten_hours = 10 * 3600 * 16_000
    anchored = session()
    assert anchored.time(ten_hours) - anchored.time(0) == timedelta(hours=10)


def test_events_are_numbered_without_a_hole():
    numbered = session()
    messages = [numbered.seal(SpeechStarted(**numbered.stamp(0, 320))) for _ in range(3)]
    assert [message.event.seq for message in messages] == [1, 2, 3]


def test_an_event_stamped_before_another_was_sealed_is_refused():
    numbered = session()
    early, late = (SpeechStarted(**numbered.stamp(0, 320)) for _ in range(2))
    numbered.seal(early)
    with pytest.raises(AssertionError, match="event 1 leaves after event 1"):
        numbered.seal(late)


def test_a_sealed_message_decodes_to_its_event_with_times_in_utc():
    numbered = session()
    message = numbered.seal(SpeechStarted(**numbered.stamp(16_000, 32_000)))
    assert decode(message.payload) == message.event
    plain = msgspec.json.decode(message.payload)
    assert plain["type"] == "speech.started"
    assert datetime.fromisoformat(plain["start_time"]) == numbered.time(16_000)
    assert plain["start_time"].endswith("Z")
    assert message.session_ms == numbered.started_ms


def test_two_sessions_begun_in_the_same_millisecond_differ():
    assert session().identifier != session().identifier
