import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.models.egemaps.segments import segment_statistics
from cmlstream.models.egemaps.statistics import mean_and_deviation, percentiles

NUMBERS = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=30)


@given(NUMBERS, st.integers(0, 5))
def test_percentiles_against_numpy(values, padding):
    padded_BT = torch.tensor([*values, *[999.0] * padding], dtype=torch.float64)[None]
    found = percentiles(padded_BT, torch.tensor([len(values)]))[0].numpy()
    points = np.percentile(values, [20, 50, 80])
    np.testing.assert_allclose(found, [*points, points[2] - points[0]], rtol=1e-9, atol=1e-9)


@given(NUMBERS)
def test_mean_and_deviation_against_numpy(values):
    mean_BD, deviation_BD = mean_and_deviation(
        torch.tensor([*values, 5.0], dtype=torch.float64)[None, :, None],
        torch.tensor([*[True] * len(values), False])[None, :, None],
    )
    mean = np.mean(values)
    np.testing.assert_allclose(float(mean_BD), mean, atol=1e-9)
    if abs(mean) > 1e-3:
        np.testing.assert_allclose(float(deviation_BD), np.std(values) / mean, rtol=1e-6, atol=1e-9)


def test_nothing_selected_gives_zeros():
    values_BTD, none_BTD = torch.randn(1, 5, 2), torch.zeros(1, 5, 2, dtype=torch.bool)
    assert [part.tolist() for part in mean_and_deviation(values_BTD, none_BTD)] == [[[0, 0]], [[0, 0]]]
    assert percentiles(torch.randn(1, 5), torch.tensor([0])).tolist() == [[0, 0, 0, 0]]


def literal_segments(members: list[bool]) -> list[float]:
    """Lengths in seconds by walking: a run ends where two frames in a row are of the other class."""
    lengths, first, last, held = [], None, None, 0
    for frame, member in enumerate([*members, False, False]):
        if member:
            if first is None:
                first, held = frame, 0
            last, held = frame, held + 1
        elif first is not None and frame - last == 2:
            if held >= 3:
                lengths.append((last - first) * 0.01)
            first = None
    return lengths


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_segments_against_a_walk(members):
    number_B, mean_B, deviation_B = segment_statistics(torch.tensor(members)[None])
    lengths = literal_segments(members)
    assert int(number_B) == len(lengths)
    np.testing.assert_allclose(float(mean_B), np.mean(lengths) if lengths else 0, atol=1e-12)
    np.testing.assert_allclose(float(deviation_B), np.std(lengths) if lengths else 0, atol=1e-9)


def test_segments_of_a_worked_example():
    voiced = [bool(int(digit)) for digit in "0111011100110001"]
    number_B, mean_B, _ = segment_statistics(torch.tensor(voiced)[None])
    assert int(number_B) == 1
    assert float(mean_B) == 0.06
