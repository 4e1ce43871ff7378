from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cmlstream.stream.events import Gap, decode
from cmlstream.stream.redis_continuity import Continuity
from cmlstream.stream.redis_keys import Position, started_ms
from tests.stream.redis_publishing import SESSION_MS, STREAM, message


@given(
    held=st.lists(st.sets(st.integers(1, 12), min_size=1), min_size=1, max_size=3),
    last_seq=st.integers(0, 12),
)
def test_every_number_is_delivered_or_declared_missing_once_in_order(
    held: list[set[int]], last_seq: int
) -> None:
    log = Continuity(STREAM, Position(SESSION_MS, last_seq))
    told: dict[int, list[int]] = {}
    for index, numbers in enumerate(held):
        for seq in sorted(numbers):
            position = Position(SESSION_MS + index, seq)
            if position <= log.last:
                continue
            for entry in log.push(position, message(seq).payload):
                event = decode(entry.payload)
                first, last = (event.first_seq, event.last_seq) if isinstance(event, Gap) else (seq, seq)
                assert first is not None
                assert last == entry.position.seq
                told.setdefault(entry.position.session_ms, []).extend(range(first, last + 1))

    for index, numbers in enumerate(held):
        first = last_seq + 1 if index == 0 else 1
        assert told.get(SESSION_MS + index, []) == list(range(first, max(numbers) + 1))


def test_a_gap_speaks_of_the_session_and_the_time_before_the_event_behind_it() -> None:
    behind = message(9)
    log = Continuity(STREAM, Position(SESSION_MS, 5))
    gap = decode(next(iter(log.push(Position(SESSION_MS, 9), behind.payload))).payload)
    assert isinstance(gap, Gap)
    assert (gap.kind, gap.seq, gap.first_seq, gap.last_seq) == ("events", None, 6, 8)
    assert (gap.session, gap.end_sample) == (behind.event.session, behind.event.start_sample)
    assert gap.start_time <= gap.end_time == behind.event.start_time


def test_a_session_tells_when_it_began() -> None:
    assert started_ms("1700000000000-abc123") == 1_700_000_000_000
    assert [started_ms(name) for name in ("s", "1-", "-a", "1-x", "1-a\n", "9" * 30 + "-a")] == [None] * 6
