import random
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cmlstream.stream import session as sessions
from cmlstream.stream.events import SpeechStarted, decode
from cmlstream.stream.session import AHEAD_S, Session

SECOND = 16_000


def session():
    return Session("desk", "affect 1")


class Clock:
    """What the machine's clocks say; they stand still unless told."""

    def __init__(self):
        self.now_s = 1_000.0
        self.set_by_s = 0.0

    def monotonic(self):
        return self.now_s

    def now(self, tz):
        return datetime.fromtimestamp(1_800_000_000 + self.now_s + self.set_by_s, tz)

    def hear(self, live, start, end, *, after_s):
        self.now_s += after_s
        live.hear(round(start), round(end))


@pytest.fixture
def clock(monkeypatch):
    still = Clock()
    monkeypatch.setattr(time, "monotonic", still.monotonic)
    monkeypatch.setattr(sessions, "datetime", still)
    return still


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


def test_a_session_that_begins_with_a_backlog_has_its_clock_right_once_it_has_caught_up(clock):
    live = session()
    live.anchor_at(2 * SECOND)
    for end in range(4 * SECOND, 242 * SECOND, 2 * SECOND):
        clock.hear(live, end - 2 * SECOND, end, after_s=0.01)
        assert live.time(end) <= clock.now(UTC)
    assert live.calm_s == 0
    anchor = live.time(0)
    for turn in range(50):
        clock.hear(live, end, end := end + SECOND // 10, after_s=0.1)
        assert live.time(0) == anchor
        assert live.delay_s(end) == pytest.approx(0, abs=1e-3)
        assert live.calm_s == pytest.approx(0.1 * (turn + 1))


def test_live_audio_that_comes_in_heaps_or_late_or_after_a_pause_moves_no_time(clock):
    live, end = session(), SECOND / 10
    live.anchor_at(round(end))
    anchor = live.time(0)
    chance = random.Random(7)
    late_s = 0.0
    for turn in range(500):
        was_late_s, late_s = late_s, chance.choice([0.0, 0.01, 0.04])
        if turn % 50 == 49:  # The link is down, and then what waited comes at once.
            clock.now_s += 5.0
            for _ in range(50):
                clock.hear(live, end, end := end + SECOND / 10, after_s=0)
        clock.hear(live, end, end := end + SECOND / 10, after_s=0.1 + late_s - was_late_s)
    assert live.time(0) == anchor
    assert live.calm_s == float("inf")
    clock.hear(live, end, end + SECOND / 10, after_s=10.1 - late_s)
    assert live.time(0) == anchor
    assert live.delay_s(round(end + SECOND / 10)) == pytest.approx(10, abs=0.01)


def test_whatever_comes_when_times_only_move_to_earlier_ones_and_none_is_of_the_future(clock):
    chance = random.Random(8)
    for _ in range(20):
        live, end = session(), chance.randint(0, 2 * SECOND)
        live.anchor_at(end)
        anchor = live.time(0)
        for _ in range(100):
            lost = chance.choice([0, 0, 0, 1, 5 * SECOND])
            start, end = end + lost, end + lost + chance.randint(0, 2 * SECOND)
            clock.hear(live, start, end, after_s=chance.choice([0.0, 0.02, 0.5, 2.0]))
            assert live.time(end) <= clock.now(UTC) + timedelta(seconds=AHEAD_S)
            assert live.time(0) <= anchor + timedelta(microseconds=10)
            anchor = live.time(0)


def test_a_gap_keeps_the_delay_and_takes_over_a_clock_that_was_set(clock):
    live = session()
    live.anchor_at(SECOND)
    anchor = live.time(0)
    clock.set_by_s = 3_600.0
    clock.hear(live, SECOND, 2 * SECOND, after_s=1.5)
    assert live.time(0) == anchor
    clock.hear(live, 12 * SECOND, 12 * SECOND, after_s=10)
    assert live.time(0) - anchor == pytest.approx(timedelta(hours=1), abs=timedelta(microseconds=10))
    assert live.delay_s(12 * SECOND) == pytest.approx(0.5)


def test_a_gap_that_is_longer_than_the_time_it_took_moves_the_clock(clock):
    live = session()
    live.anchor_at(SECOND)
    clock.hear(live, 100 * SECOND, 101 * SECOND, after_s=1)
    assert live.time(101 * SECOND) == clock.now(UTC)


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
