"""Harmonic peaks and HNR against searches written out bin by bin."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmlstream.models.egemaps.harmonics import (
    BIN_HZ,
    Harmonics,
    harmonics_to_noise,
    nearest_bin,
    nearest_peaks,
)

BINS = 513


def is_peak(values: np.ndarray, i: int) -> bool:
    left = i == 0 or values[i] > values[i - 1]
    right = i == len(values) - 1 or values[i] > values[i + 1]
    return bool(left and right)


def literal_bin(frequency: float) -> int:
    return math.floor(frequency / BIN_HZ + 0.5) if frequency / BIN_HZ < BINS - 1 else 0


def literal_peak(values: np.ndarray, pitch: float, number: int) -> int:
    """The bin of one harmonic's peak, or 0."""
    centre = literal_bin(number * pitch)
    right = left = None
    for i in range(centre, max(centre, literal_bin((number + 0.5) * pitch)) + 1):
        if right is None and is_peak(values, i):
            right = i
    for i in range(centre, min(centre, literal_bin((number - 0.5) * pitch)) - 1, -1):
        if left is None and i >= 0 and is_peak(values, i) and literal_bin((number - 0.5) * pitch) <= i:
            left = i
    found = [i for i in (right, left) if i is not None]
    if not found:
        return 0
    nearest = min(found, key=lambda i: abs(i - centre))
    return nearest if literal_bin(pitch / 2) <= nearest < BINS - 1 else 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(55, 1000, width=32), st.integers(1, 8))
def test_peaks_against_a_search(seed, pitch, width):
    random = np.random.default_rng(seed)
    values = np.convolve(random.random(BINS + width - 1), np.ones(width), "valid").astype(np.float32)
    bin_VH, found_VH = nearest_peaks(torch.from_numpy(values)[None], torch.tensor([pitch]), 100)
    expected = [literal_peak(values, pitch, number) for number in range(1, 101)]
    assert (bin_VH[0] * found_VH[0]).tolist() == expected


def test_nearest_bin_rounds_up_on_ties_and_ends_before_the_last():
    frequency = torch.tensor([0.0, 7.8125, 15.0, 7999.0, 8000.0, 9000.0])
    assert nearest_bin(frequency, BINS).tolist() == [0, 1, 1, 512, 0, 0]


def comb(pitch: float, levels_db: list[float]) -> torch.Tensor:
    bin_hertz = torch.arange(BINS) * BIN_HZ
    peaks = [
        10 ** (level / 20) * torch.exp(-0.5 * ((bin_hertz - n * pitch) / 12.0) ** 2)
        for n, level in enumerate(levels_db, 1)
    ]
    return torch.stack(peaks).sum(0)[None]


def test_levels_of_a_comb():
    pitch = 8 * BIN_HZ
    level_VH, position_VH, _ = Harmonics().levels(comb(pitch, [0, -6, -12, -20, -30]), torch.tensor([pitch]))
    np.testing.assert_allclose(level_VH[0, :5], [0, -6, -12, -20, -30], atol=0.01)
    np.testing.assert_allclose(position_VH[0, :5], pitch * np.arange(1, 6), rtol=1e-4)


def test_differences_and_formant_amplitudes():
    pitch = 8 * BIN_HZ
    formant_VF = torch.tensor([[3 * pitch, 5 * pitch, 30 * pitch]])
    spectrum_VK = comb(pitch, [0, -6, -12, -20, -30])
    tilt_V2, amplitude_VF = Harmonics()(spectrum_VK, torch.tensor([pitch]), formant_VF)
    assert float(tilt_V2[0, 0]) == pytest.approx(6.0, abs=0.01)
    np.testing.assert_allclose(amplitude_VF[0, :2], [-12, -20], atol=0.01)


def test_a_missing_third_formant():
    pitch = 8 * BIN_HZ
    tilt_V2, amplitude_VF = Harmonics()(comb(pitch, [0, -6, -12]), torch.tensor([pitch]), torch.zeros(1, 3))
    assert not amplitude_VF.any()
    assert float(tilt_V2[0, 1]) == -201.0


def test_a_spectrum_without_peaks_is_undefined():
    level_VH, _, raw_VH = Harmonics().levels(torch.ones(1, BINS), torch.tensor([200.0]))
    assert (level_VH == -201.0).all()
    assert not raw_VH.any()


def windowed_spectrum(waveform_T: torch.Tensor) -> torch.Tensor:
    place_T = (torch.arange(960) - 479.5) / (0.4 * 479.5)
    return torch.fft.rfft(waveform_T[:960] * torch.exp(-0.5 * place_T**2), n=1024).abs()[None]


def test_noise_lowers_the_ratio():
    time_T = torch.arange(960) / 16000
    voice_T = torch.stack([torch.sin(2 * math.pi * 200 * n * time_T) / n for n in range(1, 10)]).sum(0)
    noise_T = torch.randn(960, generator=torch.Generator().manual_seed(0))
    ratios = [
        float(harmonics_to_noise(windowed_spectrum(voice_T + gain * noise_T), torch.tensor([200.0])))
        for gain in (0.0, 0.1, 0.5, 2.0)
    ]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 10 > ratios[-1]


def test_the_ratio_is_bounded():
    flat = harmonics_to_noise(torch.zeros(1, BINS), torch.tensor([200.0]))
    assert flat.tolist() == [-90.0]
