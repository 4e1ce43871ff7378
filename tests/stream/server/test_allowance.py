import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.stream.server.allowance import AVERAGED_OVER_S, Allowance, CrowdedError, Place, Places

RATE = 1_000
messages = st.lists(st.tuples(st.floats(0, 30), st.integers(0, 12_000)), max_size=60)


def test_ten_seconds_worth_may_come_at_once_and_then_only_what_time_brings() -> None:
    allowance = Allowance(RATE, now=100.0)
    assert allowance.take(10_000, now=100.0)
    assert not allowance.take(1, now=100.0)
    assert allowance.take(500, now=100.5)
    assert not allowance.take(1, now=100.5)


def test_what_is_refused_is_not_taken_and_nothing_is_saved_beyond_ten_seconds() -> None:
    allowance = Allowance(RATE, now=0.0)
    assert not allowance.take(10_001, now=0.0)
    assert allowance.take(10_000, now=0.0)
    assert not allowance.take(10_001, now=1_000.0)
    assert allowance.take(10_000, now=1_000.0)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    allowance = Allowance(RATE, now=50.0)
    assert allowance.take(10_000, now=50.0)
    assert not allowance.take(1, now=40.0)
    assert not allowance.take(1, now=50.0)
    assert allowance.take(1_000, now=51.0)


@given(messages)
def test_no_stretch_of_time_ever_holds_more_than_its_share_and_ten_seconds(
    steps: list[tuple[float, int]],
) -> None:
    allowance, now, taken = Allowance(RATE, 0.0), 0.0, []
    for passed_s, size in steps:
        now += passed_s
        if allowance.take(size, now):
            taken.append((now, size))
    for first, (begin, _) in enumerate(taken):
        for last in range(first, len(taken)):
            end = taken[last][0]
            total = sum(size for _, size in taken[first : last + 1])
            assert total <= RATE * (end - begin + AVERAGED_OVER_S) + 1e-6


@given(st.lists(st.floats(0.01, 1.0), max_size=200))
def test_whoever_keeps_to_the_rate_is_never_refused(gaps_s: list[float]) -> None:
    allowance, now = Allowance(RATE, 0.0), 0.0
    for gap_s in gaps_s:
        now += gap_s
        assert allowance.take(int(gap_s * RATE), now)


def test_places_are_given_until_all_are_taken_and_again_once_left() -> None:
    places = Places("streams", 2)
    first = places.take("kitchen")
    with places.take("hall"):
        assert places.taken == 2
        with pytest.raises(CrowdedError, match="All 2 places for streams are taken: try again later"):
            places.take("attic")
    assert places.taken == 1
    first.release()
    first.release()
    assert places.taken == 0


def test_one_holder_gets_no_more_than_its_share() -> None:
    places = Places("streams", 5, each=2)
    held = [places.take("kitchen"), places.take("kitchen")]
    with pytest.raises(CrowdedError, match="The token 'kitchen' has all its 2 streams"):
        places.take("kitchen")
    places.take("hall")
    held[0].release()
    places.take("kitchen")
    assert places.taken == 3


def test_a_place_is_given_back_when_something_goes_wrong() -> None:
    places = Places("subscribers", 1)
    with pytest.raises(ZeroDivisionError), places.take():
        raise ZeroDivisionError
    assert places.taken == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans())), st.integers(1, 6), st.integers(1, 4))
def test_places_are_counted_right_whatever_happens(
    steps: list[tuple[str, bool]], total: int, each: int
) -> None:
    places = Places("streams", total, each)
    held: dict[str, list[Place]] = {"a": [], "b": [], "c": []}
    for holder, leaves in steps:
        if leaves and held[holder]:
            held[holder].pop().release()
            continue
        count = sum(map(len, held.values()))
        if count >= total or len(held[holder]) >= each:
            with pytest.raises(CrowdedError):
                places.take(holder)
        else:
            held[holder].append(places.take(holder))
        assert places.taken == sum(map(len, held.values()))
