import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.egemaps.octave import BINS, OctaveAxis, octave_matrix
from cmlstream.models.egemaps.pitch import PitchCandidates, isolate_peaks, parabola

BIN_HZ = 15.625 * torch.arange(BINS, dtype=torch.float64)
POINTS_HZ = 25.0 * 320.0 ** (np.arange(BINS) / (BINS - 1))


def literal_isolation(spectrum: list[float]) -> list[float]:
    last = len(spectrum) - 1
    maxima = [
        i
        for i, value in enumerate(spectrum)
        if (i > 0 and i < last and spectrum[i - 1] < value >= spectrum[i + 1])
        or (i == 0 and value > spectrum[1])
        or (i == last and value > spectrum[last - 1])
    ]
    if len(maxima) == 1:
        return [value if i < 3 else 0.0 for i, value in enumerate(spectrum)]
    kept = list(spectrum)
    for left, right in pairwise(maxima):
        for i in range(left + 3, right - 2):
            kept[i] = 0.0
    return kept


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=8, max_size=40))
def test_isolation_against_the_definition(values):
    spectrum = [float(value) for value in values]
    assert isolate_peaks(torch.tensor(spectrum)[None])[0].tolist() == literal_isolation(spectrum)


def test_parabola_finds_the_vertex():
    places = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    offset, height = parabola(*(7.0 - 2.0 * (places - 0.3) ** 2))
    assert float(offset) == pytest.approx(0.3)
    assert float(height) == pytest.approx(7.0)


def test_octave_axis_interpolates_a_smooth_spectrum():
    hill = torch.exp(-0.5 * ((BIN_HZ - 1500.0) / 400.0) ** 2)
    on_axis = (octave_matrix() @ hill).numpy()
    expected = np.exp(-0.5 * ((POINTS_HZ - 1500.0) / 400.0) ** 2)
    np.testing.assert_allclose(on_axis, expected, atol=2e-3)


def test_pieces_equal_the_whole_matrix():
    spectrum_MK = torch.rand(5, BINS, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole_MP = spectrum_MK @ octave_matrix().t()
    torch.testing.assert_close(OctaveAxis()(spectrum_MK), whole_MP, rtol=0, atol=1e-7)


def test_no_entry_is_small_enough_to_slow_a_product_down():
    for name, matrix in OctaveAxis().named_buffers():
        assert matrix[matrix != 0].abs().min() >= 0.99e-10, name


def bell(hertz: float) -> torch.Tensor:
    return torch.exp(-0.5 * ((BIN_HZ - hertz) / 12.0) ** 2)[None]


def harmonic_spectrum(hertz: float) -> torch.Tensor:
    return torch.stack([0.9**n * bell(n * hertz) for n in range(1, 16)]).sum(0)


@pytest.mark.parametrize("hertz", [90.0, 150.0, 233.0, 410.0])
def test_harmonics_point_to_their_fundamental(hertz):
    frequency_MC, voicing_MC = PitchCandidates()(harmonic_spectrum(hertz))
    assert float(frequency_MC[0, 0]) == pytest.approx(hertz, rel=0.02)
    assert float(voicing_MC[0, 0]) > 0.7


def test_silence_has_no_candidates():
    frequency_MC, voicing_MC = PitchCandidates()(torch.zeros(2, BINS, dtype=torch.float64))
    assert not frequency_MC.any()
    assert not voicing_MC.any()


def test_candidates_outside_the_range_leave_no_gaps():
    frequency_MC = torch.tensor([[1500.0, 200.0, 40.0, 100.0, 300.0, 0.0]], dtype=torch.float64)
    height_MC = torch.tensor([[9.0, 3.0, 8.0, 2.0, 5.0, 0.0]], dtype=torch.float64)
    chosen_MC, voicing_MC = PitchCandidates().select(frequency_MC, height_MC / 10, height_MC)
    assert chosen_MC.tolist() == [[300.0, 100.0, 200.0, 0.0, 0.0, 0.0]]
    np.testing.assert_allclose(voicing_MC[0, :4], [0.5, 0.2, 0.3, 0.0], rtol=1e-6)


def test_a_pure_tone_and_its_subharmonics():
    frequency_MC, _ = PitchCandidates()(bell(600.0) + 1e-3 * bell(7000.0))
    octaves = [math.log2(600.0 / value) for value in frequency_MC[0].tolist()]
    np.testing.assert_allclose(octaves, np.log2(np.arange(1, 7)), atol=0.03)


def test_a_single_maximum_is_erased():
    frequency_MC, _ = PitchCandidates()(bell(600.0))
    assert not frequency_MC.any()
