"""Recordings read back, whole, broken off and damaged."""

from __future__ import annotations

import pytest

from cmlstream.stream.events import Message
from cmlstream.stream.recording import reading
from cmlstream.stream.recording.reading import Damage, find_sessions, read
from cmlstream.stream.recording.timeline import timeline
from tests.stream.recording.written import session_at, write
from tests.stream.synthetic import SyntheticSession


def payloads(items):
    return [item.payload for item in items if isinstance(item, Message)]


def test_events_come_back_byte_for_byte_with_the_start_of_their_session(tmp_path):
    session = session_at(0)
    messages = [session.started(), *session.conversation(2, 5), session.ended()]
    path = write(tmp_path, messages)
    items = list(read(path))
    assert [item.event for item in items] == [message.event for message in messages]
    assert payloads(items) == [message.payload for message in messages]
    assert {item.session_ms for item in items} == {int(session.session.partition("-")[0])}


def test_a_session_without_a_time_in_its_name_began_with_its_first_event(tmp_path):
    session = SyntheticSession("desk", "s1")
    (item,) = read(write(tmp_path, [session.started()]))
    assert item.session_ms == int(item.event.start_time.timestamp() * 1000)


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_last_line_that_breaks_off_is_told_and_left_out(tmp_path, cut):
    session = session_at(0)
    path = write(tmp_path, [session.started(), session.affect(), session.affect()])
    path.write_bytes(path.read_bytes()[:-cut])
    *items, last = read(path)
    if cut == 1:
        # Nothing but the end of the line is missing.
        items.append(last)
    else:
        assert "Line 3 of" in str(last)
        assert "breaks off" in str(last)
    assert [item.event.seq for item in items] == [1, 2, 3][: len(items)]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"nonsense",
        b"\0\0\0\0",
        b"\xff\xfe",
        b'"\xff"',
        b'{"type": "affect", "stream": "\xff"}',
        b"[" * 100_000,
        b"x" * 3_000_000,
        b'{"type":"gap","stream":"desk","session":"s","seq":null,"start_sample":0,"end_sample":0,'
        b'"start_time":"2030-01-01T12:00:00Z","end_time":"2030-01-01T12:00:00Z","model":"m","kind":"events"}',
    ],
    ids=range(10),
)
def test_a_damaged_line_is_told_with_its_number_and_passed_over(tmp_path, line):
    session = session_at(0)
    first, second = session.started(), session.ended()
    path = write(tmp_path, [first])
    path.write_bytes(first.payload + b"\n" + line + b"\n" + second.payload + b"\n")
    items = list(read(path))
    assert payloads(items) == [first.payload, second.payload]
    assert items[1] == Damage(path, 2, "is damaged")


def test_a_line_as_long_as_is_read_at_once_is_one_line(tmp_path, monkeypatch):
    session = session_at(0)
    first, second = session.started(), session.ended()
    path = write(tmp_path, [first, second])
    for length in range(len(first.payload) - 1, len(first.payload) + 3):
        monkeypatch.setattr(reading, "LONGEST_LINE_BYTES", length)
        items = list(read(path))
        assert len(items) == 2
        assert isinstance(items[0], Message) == (length > len(first.payload))
        assert payloads(items)[-1] == second.payload


def test_a_folder_of_any_depth_is_found_the_oldest_session_first(tmp_path):
    for start, stream in ((5, "desk"), (3, "kitchen"), (1, "desk")):
        write(tmp_path, [session_at(start, stream).started()])
    (tmp_path / "notes.txt").write_text("not a recording")
    everything = find_sessions(tmp_path)
    assert [(one.stream, one.started_ms % 60_000 // 1_000) for one in everything] == [
        ("desk", 1),
        ("kitchen", 3),
        ("desk", 5),
    ]
    assert find_sessions(tmp_path / "desk") == [everything[0], everything[2]]
    assert find_sessions(everything[1].path.parent) == [everything[1]]
    assert find_sessions(tmp_path / "elsewhere") == []


def heard(cues):
    return [(cue.item.event.stream, cue.item.event.session, cue.item.event.seq) for cue in cues]


def test_streams_are_interleaved_by_time_and_a_stream_s_sessions_follow_each_other(tmp_path):
    # Two sessions of one stream that overlap, as those of a file that is heard twice do.
    first, second = session_at(0), session_at(2)
    other = session_at(1, "kitchen")
    for session in (first, second, other):
        write(tmp_path, [session.started(), *session.updates(18), session.ended()])
    cues = list(timeline(find_sessions(tmp_path)))
    assert [cue.at_s for cue in cues] == sorted(cue.at_s for cue in cues)
    assert len(cues) == 60
    desk = [(session, seq) for stream, session, seq in heard(cues) if stream == "desk"]
    assert desk == [(one.session, seq) for one in (first, second) for seq in range(1, 21)]
    streams = [stream for stream, _, _ in heard(cues)]
    assert streams[:3] == ["desk"] * 3
    assert streams.index("kitchen") < 8, "it does not wait for the other to end"


def test_only_sessions_whose_time_has_come_are_open(tmp_path):
    for number in range(50):
        session = session_at(10 * number, f"call-{number}")
        write(tmp_path, [session.started(), session.ended()])
    sessions = find_sessions(tmp_path)
    cues = timeline(sessions)
    next(cues)
    for session in sessions[1:]:
        session.path.unlink()
    next(cues)
    with pytest.raises(FileNotFoundError):
        next(cues)
