from hypothesis import given
from hypothesis import strategies as st

from cmlstream.models.batches import grouped


def test_similar_lengths_share_a_call_and_a_long_one_has_its_own():
    assert grouped([300] * 4 + [2000] + [300] * 4, call=1300) == [[0, 1, 2, 3, 5, 6, 7, 8], [4]]


def test_few_short_rows_are_padded_rather_than_called_alone():
    assert grouped([100, 300, 1000], call=1300) == [[0, 1], [2]]
    assert grouped([100, 300, 700], call=1300) == [[0, 1, 2]]


@given(st.lists(st.integers(0, 3000), max_size=40), st.integers(0, 2000))
def test_every_row_is_in_one_group_and_no_group_is_padded_by_more_than_a_call(lengths, call):
    groups = grouped(lengths, call)
    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))
    for group in groups:
        inside = [lengths[place] for place in group]
        assert max(inside) * len(inside) - sum(inside) <= call
