from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from cmlstream.stream.events import SpeechStarted, decode
from cmlstream.stream.session import Session

ANCHOR = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2)))


def session():
    return Session("desk", "affect 1", ANCHOR)


def test_time_is_the_anchor_plus_samples():
    assert session().time(24_000) == datetime(2026, 3, 29, 0, 30, 1, 500_000, tzinfo=UTC)


def test_hours_of_samples_do_not_drift():
    ten_hours = 10 * 3600 * 16_000
    assert session().time(ten_hours) - session().time(0) == timedelta(hours=10)


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
    assert plain["start_time"] == "2026-03-29T00:30:01Z"
    assert message.session_ms == int(ANCHOR.timestamp() * 1000)


def test_two_sessions_begun_in_the_same_millisecond_differ():
    assert session().identifier != session().identifier
