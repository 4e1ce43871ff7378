import math

import numpy as np
import torch

from cmlstream.models.egemaps.formants import (
    Formants,
    autocorrelation,
    error_filter,
    resampling_matrix,
    resonances,
)


def test_resampling_equals_the_truncated_inverse_transform():
    frame_L = torch.randn(320, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    window_L = torch.hamming_window(320, periodic=False, dtype=torch.float64)
    spectrum_K = torch.fft.fft(torch.nn.functional.pad(frame_L * window_L, [96, 96]))
    time_R = torch.arange(220, dtype=torch.float64)[:, None]
    bins_K = torch.arange(1, 110, dtype=torch.float64)
    waves_RK = spectrum_K[1:110] * torch.exp(2j * math.pi * bins_K * time_R / 352)
    expected_R = (spectrum_K[0].real + waves_RK.real.sum(1)) / 256
    np.testing.assert_allclose((frame_L @ resampling_matrix()).numpy(), expected_R.numpy(), atol=1e-12)


def test_the_error_filter_solves_the_normal_equations():
    signal_VR = torch.randn(6, 220, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    correlation_VO = autocorrelation(signal_VR, 11)
    place = torch.arange(11)
    toeplitz_VOO = correlation_VO[:, (place[:, None] - place).abs()]
    expected_VO = torch.linalg.solve(toeplitz_VOO, -correlation_VO[:, 1:])
    np.testing.assert_allclose(
        error_filter(correlation_VO).numpy(), expected_VO.numpy(), rtol=1e-8, atol=1e-10
    )


def test_resonances_are_roots_of_the_flipped_polynomial():
    coefficients_VO = torch.randn(4, 11, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for coefficients, roots in zip(coefficients_VO, resonances(coefficients_VO), strict=True):
        expected = np.roots([1.0, *(-coefficients.numpy())])
        np.testing.assert_allclose(np.sort_complex(roots.numpy()), np.sort_complex(expected), atol=1e-8)


def test_formants_are_sorted_and_positive():
    frames_VL = torch.randn(50, 320, generator=torch.Generator().manual_seed(3))
    frequency_VF, bandwidth_VF = Formants()(frames_VL)
    found_VF = frequency_VF > 0
    assert (frequency_VF.diff(dim=1)[found_VF[:, 1:]] > 0).all()
    assert (frequency_VF[found_VF] >= 50).all()
    assert (bandwidth_VF[found_VF] > 0).all()
    assert not bandwidth_VF[~found_VF].any()


def test_known_resonances_come_back():
    """An all-pole filter with the flipped signs the method expects is told its own poles."""
    formants = Formants()
    poles = np.array([0.97 * np.exp(2j * np.pi * hertz / 11000) for hertz in (700.0, 1600.0, 2600.0)])
    polynomial = np.poly(np.concatenate([poles, poles.conj()])).real
    coefficients_VO = torch.zeros(1, 11, dtype=torch.float64)
    coefficients_VO[0, :6] = torch.from_numpy(-polynomial[1:])
    formants.predict = lambda frames_VL: coefficients_VO
    frequency_VF, bandwidth_VF = formants(torch.zeros(1, 320))
    np.testing.assert_allclose(frequency_VF[0], [700.0, 1600.0, 2600.0], rtol=1e-5)
    np.testing.assert_allclose(bandwidth_VF[0], -math.log(0.97) * 11000 / math.pi, rtol=1e-5)


def test_silence_has_no_formants():
    frequency_VF, bandwidth_VF = Formants()(torch.zeros(2, 320))
    assert not frequency_VF.any()
    assert not bandwidth_VF.any()


def test_one_frame_at_a_time_equals_all_at_once():
    frames_VL = torch.randn(40, 320, generator=torch.Generator().manual_seed(4))
    formants = Formants()
    together = formants(frames_VL)
    for row in range(40):
        alone = formants(frames_VL[row : row + 1])
        torch.testing.assert_close(alone[0][0], together[0][row], rtol=1e-6, atol=0)
        torch.testing.assert_close(alone[1][0], together[1][row], rtol=1e-5, atol=0)
