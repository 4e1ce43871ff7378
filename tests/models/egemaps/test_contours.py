"""Peaks and slopes against a walk over the contour, written from the rules as they are stated."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.egemaps.contours import find_extrema, slopes


@dataclass
class Extremum:
    place: int
    value: float
    top: bool
    kept: bool = True


def local_extrema(values: list[float]) -> list[Extremum]:
    found = []
    for i in range(2, len(values) - 2):
        if values[i - 1] < values[i] > values[i + 1]:
            found.append(Extremum(i, values[i], True))
        if values[i - 1] > values[i] < values[i + 1]:
            found.append(Extremum(i, values[i], False))
    return found


def drop_ripples(values: list[float], extrema: list[Extremum], threshold: float) -> None:
    last_value = last_minimum = last_maximum = values[0]
    since_minimum, holder = False, None
    for item in extrema:
        near = abs(item.value - last_value) < threshold
        if item.top and not near:
            since_minimum, last_maximum, holder = False, item.value, item
        elif item.top and item.value - last_minimum < threshold:
            item.kept = False
        elif item.top:
            if item.value > 1.05 * last_maximum:
                if holder is not None:
                    holder.kept = False
                last_maximum, holder = item.value, item
            elif since_minimum:
                last_maximum, holder = item.value, item
            else:
                item.kept = False
            since_minimum = False
        elif not near:
            since_minimum, last_minimum = True, item.value
        last_value = item.value
    last_maximum = values[0]
    for item in extrema:
        if item.kept and item.top:
            last_maximum = item.value
        elif item.kept and last_maximum - item.value < threshold:
            item.kept = False


def alternating(extrema: list[Extremum]) -> list[Extremum]:
    result: list[Extremum] = []
    for item in (item for item in extrema if item.kept):
        if not result or result[-1].top != item.top:
            result.append(item)
        elif (item.value > result[-1].value) if item.top else (item.value < result[-1].value):
            result[-1] = item
    return result


def statistics(pieces: list[float], extra: list[float]) -> list[float]:
    count = len(pieces) + len(extra)
    if count == 0:
        return [0.0, 0.0]
    mean = (sum(pieces) + sum(extra)) / count
    return [mean, (sum((piece - mean) ** 2 for piece in pieces) / count) ** 0.5]


def literal(values: list[float]) -> tuple[int, list[float]]:
    extrema = local_extrema(values)
    drop_ripples(values, extrema, 0.1 * (max(values) - min(values)))
    kept = alternating(extrema)
    rising, falling = [], []
    top, bottom = (values[0], 0), (values[0], 0)
    for item in kept:
        if item.top:
            rising.append((item.value - bottom[0]) / ((item.place - bottom[1]) * 0.01))
            top = (item.value, item.place)
        else:
            falling.append((top[0] - item.value) / ((item.place - top[1]) * 0.01))
            bottom = (item.value, item.place)
    last_rising, last_falling = [], []
    end = len(values) - 1
    if not kept:
        slope = (values[-1] - values[0]) / len(values)
        (last_rising if slope > 0 else last_falling).append(slope)
    elif kept[-1].top:
        last_falling.append((values[-1] - top[0]) / ((end - top[1]) * 0.01))
    else:
        last_rising.append((values[-1] - bottom[0]) / ((end - bottom[1]) * 0.01))
    peaks = sum(item.top for item in kept)
    return peaks, statistics(rising, last_rising) + statistics(falling, last_falling)


def check(values: list[float], padding: int) -> None:
    padded_BT = torch.tensor([*values, *[50.0] * padding], dtype=torch.float64)[None]
    count_B = torch.tensor([len(values)])
    extrema = find_extrema(padded_BT, count_B)
    peaks, expected = literal(values)
    assert int(extrema.maximum_BT.sum()) == peaks
    found = slopes(padded_BT, count_B, extrema)[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(0.5, 40, width=16), min_size=1, max_size=60), st.integers(0, 5))
def test_random_contours(values, padding):
    check(values, padding)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=120), st.integers(0, 2**32 - 1))
def test_wandering_contours_with_ripples(steps, seed):
    ripple = np.random.default_rng(seed).normal(0, 0.3, len(steps))
    check([20.0 + float(value) for value in np.cumsum(steps) + ripple], 3)


def test_rows_do_not_see_each_other():
    generator = torch.Generator().manual_seed(5)
    values_BT = torch.rand(6, 80, generator=generator, dtype=torch.float64)
    count_B = torch.tensor([80, 40, 5, 1, 0, 63])
    extrema = find_extrema(values_BT, count_B)
    together = slopes(values_BT, count_B, extrema)
    for row, count in enumerate(count_B.tolist()):
        if count:
            peaks, expected = literal(values_BT[row, :count].tolist())
            assert int(extrema.maximum_BT[row].sum()) == peaks
            np.testing.assert_allclose(together[row].numpy(), expected, atol=1e-9)
        else:
            assert not together[row].any()
