import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.trainer.reproduce.progress import remaining_s


@given(st.floats(1, 1000), st.floats(0.01, 0.99))
def test_at_an_even_pace_the_time_left_is_right(total_s: float, share: float) -> None:
    left_s = remaining_s(share * total_s, total_s, share * total_s, 0.0)
    assert left_s == pytest.approx((1 - share) * total_s)


def test_time_runs_between_tasks_and_never_below_zero() -> None:
    assert remaining_s(10, 30, 5, 2) == pytest.approx(8)
    assert remaining_s(10, 30, 5, 50) == 0
    assert remaining_s(0, 30, 5, 0) is None
