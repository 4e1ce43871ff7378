import math

import numpy as np
import pytest
import torch

from cmlstream.models.egemaps.names import SPECTRAL_NAMES
from cmlstream.models.egemaps.spectral import SpectralDescriptors, equal_loudness, mel_bank, slope_weights


def describe(waveform_T: torch.Tensor) -> dict[str, float]:
    spectral = SpectralDescriptors()
    magnitude_MK = spectral.magnitudes(waveform_T[None, :320])
    values_MD = spectral(magnitude_MK, torch.zeros(1))
    return dict(zip(SPECTRAL_NAMES, values_MD[0].tolist(), strict=True))


def tone(hertz: float, amplitude: float = 0.3) -> torch.Tensor:
    return amplitude * torch.sin(2 * math.pi * hertz * torch.arange(320) / 16000)


def test_mel_bands_are_triangles_that_sum_to_one_between_the_outer_centres():
    bank_KB = mel_bank()
    assert bank_KB.shape == (254, 26)
    inner_K = (bank_KB[:, 0] == 0) & (bank_KB[:, -1] == 0)
    np.testing.assert_allclose(bank_KB[inner_K].sum(1).numpy(), 1.0, atol=1e-12)


def test_hearing_is_best_at_some_kilohertz():
    weight_B = equal_loudness()
    assert 10 < int(weight_B.argmax()) < 25
    assert weight_B[0] < 0.1 * weight_B.max()


def test_slope_of_a_line_but_for_the_miscounted_point():
    weights_K = slope_weights(0, 16)
    hertz_K = 31.25 * torch.arange(17, dtype=torch.float64)
    count, total, squares = 16, hertz_K.sum(), hertz_K.square().sum()
    level_K = 3.0 - 0.02 * hertz_K
    expected = (count * (hertz_K * level_K).sum() - total * level_K.sum()) / (count * squares - total**2)
    assert float(weights_K @ level_K) == pytest.approx(float(expected), rel=1e-12)


def test_balance_follows_the_tone():
    low, high = describe(tone(300)), describe(tone(3000))
    assert low["alphaRatio"] < -20 < 20 < high["alphaRatio"]
    assert low["hammarbergIndex"] > 20 > -20 > high["hammarbergIndex"]
    assert low["mfcc1"] > 0 > high["mfcc1"]


def test_loudness_grows_by_a_power_law():
    ratio = describe(tone(1000, 0.4))["Loudness"] / describe(tone(1000, 0.2))["Loudness"]
    assert ratio == pytest.approx(2 ** (2 * 0.33), rel=0.01)


def test_silence():
    values = describe(torch.zeros(320))
    assert values["alphaRatio"] == values["hammarbergIndex"] == 0.0
    assert values["mfcc1"] == pytest.approx(0.0, abs=1e-5)
    assert values["slope500-1500"] == pytest.approx(float(slope_weights(16, 48).sum()) * -140, rel=1e-4)


def test_flux_is_the_root_mean_square_change():
    spectral = SpectralDescriptors()
    first_MK, second_MK = torch.rand(2, 1, 257, generator=torch.Generator().manual_seed(0)).unbind(0)
    expected = math.sqrt(((second_MK - first_MK)[0, :160] ** 2).mean())
    assert float(spectral.flux(second_MK, first_MK)) == pytest.approx(expected, rel=1e-5)
