import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.models.egemaps.smoothing import smooth, smooth_voiced

VALUES = st.lists(st.sampled_from([0.0, 0.0, 1.0, -2.0, 3.5, 7.25]), min_size=1, max_size=12)


def literal(values: list[float], voiced: bool) -> list[float]:
    held = [values[0], *values, values[-1]]
    smoothed = []
    for frame, value in enumerate(values):
        three = held[frame : frame + 3]
        if voiced:
            three = [item for item in three if item != 0] if value != 0 else [0.0]
        smoothed.append(sum(three) / len(three))
    return smoothed


@given(VALUES, st.integers(0, 4))
def test_against_the_definition(values, padding):
    table_BTD = torch.tensor([*values, *[9.0] * padding], dtype=torch.float64)[None, :, None]
    count_B = torch.tensor([len(values)])
    plain = smooth(table_BTD, count_B)[0, : len(values), 0]
    voiced = smooth_voiced(table_BTD, count_B)[0, : len(values), 0]
    np.testing.assert_allclose(plain.numpy(), literal(values, voiced=False), atol=1e-12)
    np.testing.assert_allclose(voiced.numpy(), literal(values, voiced=True), atol=1e-12)
