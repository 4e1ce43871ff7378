from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from cmlstream.stream.events import Gap, Message, SpeechStarted, decode, encode
from cmlstream.stream.sinks.spool import Spool


def message(stream: str, seq: int) -> Message:
    at = datetime.fromtimestamp(seq, UTC)
    event = SpeechStarted(
        stream=stream,
        session=f"session of {stream}",
        seq=seq,
        start_sample=100 * seq,
        end_sample=100 * seq + 50,
        start_time=at,
        end_time=at,
        model="m",
    )
    return Message(event, encode(event), session_ms=7)


def covered(taken: list[Message], stream: str) -> list[int]:
    """Every number that was delivered or declared missing, in the order of arrival."""
    numbers: list[int] = []
    for event in (each.event for each in taken if each.event.stream == stream):
        if isinstance(event, Gap):
            assert event.first_seq is not None
            assert event.last_seq is not None
            numbers.extend(range(event.first_seq, event.last_seq + 1))
        else:
            assert event.seq is not None
            numbers.append(event.seq)
    return numbers


@given(
    capacity=st.integers(1, 6),
    steps=st.lists(st.one_of(st.sampled_from("ab"), st.integers(0, 5)), max_size=60),
)
def test_every_event_is_delivered_or_declared_missing_in_order(capacity: int, steps: list[str | int]) -> None:
    spool, published, taken = Spool(capacity), {"a": 0, "b": 0}, []
    for step in steps:
        if isinstance(step, str):
            published[step] += 1
            spool.append(message(step, published[step]))
        else:
            taken += spool.take(step)
        assert len(spool) <= capacity
    taken += spool.take(capacity)

    for stream, count in published.items():
        assert covered(taken, stream) == list(range(1, count + 1))
    missing = sum(
        each.event.last_seq - each.event.first_seq + 1 for each in taken if isinstance(each.event, Gap)
    )
    assert spool.dropped_events == missing


def test_what_is_dropped_counts_for_the_session_that_it_is_of() -> None:
    one, other = [message("a", seq) for seq in (1, 2, 3)], message("b", 1)
    spool = Spool(2)
    for each in (*one, other):
        spool.append(each)
    assert [each.skipped.events for each in (*one, other)] == [1, 1, 0, 0]


@given(
    capacity=st.integers(1, 6),
    steps=st.lists(
        st.one_of(
            st.sampled_from("abc"),
            st.tuples(st.integers(0, 5), st.frozensets(st.sampled_from("abc"))),
            st.none(),
        ),
        max_size=80,
    ),
)
def test_what_is_held_back_is_delivered_or_declared_missing_in_order(
    capacity: int, steps: list[str | tuple[int, frozenset[str]] | None]
) -> None:
    spool, published, taken = Spool(capacity), dict.fromkeys("abc", 0), []
    for step in steps:
        match step:
            case None:
                spool.release()
            case str():
                published[step] += 1
                spool.append(message(step, published[step]))
            case limit, held:
                batch = spool.take(limit, held.__contains__)
                assert not held & {each.event.stream for each in batch}
                taken += batch
        assert len(spool) <= capacity
    spool.release()
    taken += spool.take(capacity)

    for stream, count in published.items():
        assert covered(taken, stream) == list(range(1, count + 1))


def test_what_is_held_back_is_dropped_before_all_else() -> None:
    spool = Spool(3)
    for stream, seq in (("a", 1), ("b", 1), ("b", 2)):
        spool.append(message(stream, seq))
    assert [each.event.seq for each in spool.take(5, "b".__eq__)] == [1]
    for seq in (2, 3, 4):
        assert not spool.full
        spool.append(message("a", seq))
    assert spool.full
    spool.release()
    assert [(each.event.stream, each.event.seq) for each in spool.take(5)] == [
        ("b", None),
        ("a", 2),
        ("a", 3),
        ("a", 4),
    ]


def test_a_gap_speaks_of_the_audio_of_all_it_replaces() -> None:
    spool = Spool(2)
    for seq in (1, 2, 3, 4, 5):
        spool.append(message("a", seq))

    notice, *rest = spool.take(10)

    gap = notice.event
    assert isinstance(gap, Gap)
    assert decode(notice.payload) == gap
    assert (gap.kind, gap.seq, gap.first_seq, gap.last_seq) == ("events", None, 1, 3)
    assert (gap.stream, gap.session, notice.session_ms) == ("a", "session of a", 7)
    assert (gap.start_sample, gap.end_sample) == (100, 350)
    assert (gap.start_time.timestamp(), gap.end_time.timestamp()) == (1, 3)
    assert [each.event.seq for each in rest] == [4, 5]


def test_a_loss_is_told_once() -> None:
    spool = Spool(1)
    spool.append(message("a", 1))
    spool.append(message("a", 2))
    assert [type(each.event) for each in spool.take(1)] == [Gap, SpeechStarted]
    spool.append(message("a", 3))
    assert [each.event.seq for each in spool.take(1)] == [3]
