import pytest

from cmlstream.stream.client import cursors as module
from cmlstream.stream.client.cursors import Cursors, Outline


def outline(
    session: str, seq: int | None, *, stream: str = "kitchen", event: str = "affect", last: int | None = None
) -> Outline:
    return Outline(type=event, v=1, stream=stream, session=session, seq=seq, last_seq=last)


def test_what_was_read_before_is_recognised_by_session() -> None:
    cursors = Cursors({"a": 3})
    assert [cursors.advance(outline("a", seq)) for seq in (3, 4, 4, 6, 5)] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert cursors.advance(outline("b", 1, stream="hall"))
    assert list(cursors) == [("b", 1), ("a", 6)]


def test_what_a_gap_says_is_missing_is_not_waited_for() -> None:
    cursors = Cursors()
    assert cursors.advance(outline("a", None, event="gap", last=9))
    assert not cursors.advance(outline("a", None, event="gap", last=9))
    assert list(cursors) == [("a", 9)]


def test_an_event_without_any_number_always_counts_and_moves_nothing() -> None:
    cursors = Cursors()
    assert cursors.advance(outline("a", None))
    assert cursors.advance(outline("a", None))
    assert not len(cursors)


def test_a_session_that_is_over_is_forgotten_when_the_next_one_of_its_stream_begins() -> None:
    cursors = Cursors()
    for event in (
        outline("a", 1),
        outline("a", 2, event="stream.ended"),
        outline("h", 1, stream="hall", event="stream.ended"),
    ):
        cursors.advance(event)
    assert not cursors.advance(outline("a", 2, event="stream.ended"))
    cursors.advance(outline("b", 1))
    assert dict(cursors) == {"b": 1, "h": 1}


def test_the_most_silent_session_is_forgotten_where_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SESSIONS", 3)
    cursors = Cursors()
    for session in "abcad":
        cursors.advance(outline(session, 1 if session != "a" else len(cursors) + 1, stream=session))
    assert [session for session, _ in cursors] == ["d", "a", "c"]
