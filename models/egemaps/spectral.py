"""Descriptors of the 20 ms frame that need no pitch: loudness, spectral balance, flux, MFCC 1 to 4.

From the magnitude |X| of the Hamming-windowed frame (512-point FFT, bins 31.25 Hz apart) and P = |X|^2:
loudness is the mean over 26 mel bands of (equal-loudness weight x energy)^0.33 (Hermansky, "Perceptual linear
predictive analysis of speech", JASA 87, 1990); alpha ratio (Sundberg & Nordenberg, JASA 120, 2006) and
Hammarberg index (Hammarberg et al., Acta Oto-Laryngologica 90, 1980) compare energy below and above 1 and
2 kHz; the slopes are least-squares lines through the spectrum in dB; MFCCs follow HTK (Young et al., "The HTK
Book").

Delay: the frame itself, and the frame before for the flux.

Quirks: the equal-loudness curve has w^7 + 1.7e31 where the literature has w^6 + 9.58e26; the regression
counts one point fewer than it sums; MFCCs see 16-bit integers, loudness samples in [-1, 1].

Dimensions: M frames, L samples of a frame, K bins, D descriptors.
"""

import math
from typing import Final

import torch
from torch import Tensor

from cmlstream.models.contract import SAMPLE_RATE

FFT_SAMPLES = 512
BIN_HZ = SAMPLE_RATE / FFT_SAMPLES
MEL_BANDS = 26


def _mel(hertz: Tensor) -> Tensor:
    mel: Tensor = 1127.0 * torch.log1p(hertz / 700.0)
    return mel


def _mel_points() -> Tensor:
    """Edges and centres of the bands in mel, equally spaced from 20 Hz to 8 kHz."""
    limits = _mel(torch.tensor([20.0, 8000.0], dtype=torch.float64))
    return torch.linspace(float(limits[0]), float(limits[1]), MEL_BANDS + 2, dtype=torch.float64)


def mel_bank() -> Tensor:
    """Triangles in mel with peak 1 over the bins 2 to 255, float64 [254, 26]."""
    bins_K = torch.arange(2, 256, dtype=torch.float64) * BIN_HZ
    mel_K1 = _mel(bins_K)[:, None]
    points = _mel_points()
    spacing = points[1] - points[0]
    return (1.0 - (mel_K1 - points[1:-1]).abs() / spacing).clamp(min=0.0)


def equal_loudness() -> Tensor:
    """The weight of each band at its centre frequency, float64 [26]."""
    centre_hertz = 700.0 * torch.expm1(_mel_points()[1:-1] / 1127.0)
    w = 2.0 * math.pi * centre_hertz
    numerator = (w**2 + 56.8e6) * w**4
    denominator = (w**2 + 6.3e6) ** 2 * (w**2 + 0.38e9) * (w**7 + 1.7e31)
    return 1e32 * numerator / denominator


def cepstral_matrix() -> Tensor:
    """Discrete cosine transform and lifter (22) for coefficients 1 to 4, float64 [26, 4]."""
    band = torch.arange(MEL_BANDS, dtype=torch.float64)[:, None] + 0.5
    order = torch.arange(1, 5, dtype=torch.float64)
    cosine = math.sqrt(2.0 / MEL_BANDS) * torch.cos(math.pi * order * band / MEL_BANDS)
    return cosine * (1.0 + 11.0 * torch.sin(math.pi * order / 22.0))


def slope_weights(first: int, last: int) -> Tensor:
    """Weights over the bins `first` to `last` whose sum with levels in dB is the slope in dB per Hz."""
    hertz = torch.arange(first, last + 1, dtype=torch.float64) * BIN_HZ
    count = last - first
    weights: Tensor = (count * hertz - hertz.sum()) / (count * hertz.square().sum() - hertz.sum().square())
    return weights


def magnitude_spectrum(windowed_ML: Tensor, fft_samples: int) -> Tensor:
    """Magnitudes of windowed frames padded to `fft_samples`, [M, fft_samples / 2 + 1]."""
    spectrum_MK = torch.fft.rfft(windowed_ML, n=fft_samples)
    # Three times as fast as abs(), which guards against overflow.
    magnitude_MK: Tensor = spectrum_MK.real.square().addcmul_(spectrum_MK.imag, spectrum_MK.imag).sqrt_()
    return magnitude_MK


def _decibel_ratio(numerator_M: Tensor, denominator_M: Tensor) -> Tensor:
    """10 log10 of a ratio; an empty denominator gives 0."""
    positive_M = denominator_M > 0.0
    safe_M = denominator_M + (~positive_M)
    return 10.0 * torch.log10(numerator_M.clamp(min=1e-14) / safe_M) * positive_M


class SpectralDescriptors(torch.nn.Module):
    """From 20 ms frames to loudness, balance, slopes and cepstrum; the flux is apart."""

    window_L: Tensor
    mel_KB: Tensor
    loudness_B: Tensor
    cosine_BC: Tensor
    low_slope_K: Tensor
    high_slope_K: Tensor
    frame_samples: Final[int] = 320
    fft_samples: Final[int] = FFT_SAMPLES
    bins: Final[int] = FFT_SAMPLES // 2 + 1

    def __init__(self) -> None:
        super().__init__()
        window_L = torch.hamming_window(self.frame_samples, periodic=False, dtype=torch.float64)
        for name, constant in (
            ("window_L", window_L),
            ("mel_KB", mel_bank()),
            ("loudness_B", equal_loudness()),
            ("cosine_BC", cepstral_matrix()),
            ("low_slope_K", slope_weights(0, 16)),
            ("high_slope_K", slope_weights(16, 48)),
        ):
            self.register_buffer(name, constant)

    @torch.jit.export
    def magnitudes(self, frames_ML: Tensor) -> Tensor:
        """Magnitude spectra [M, 257] of frames [M, 320]."""
        return magnitude_spectrum(frames_ML * self.window_L, self.fft_samples)

    @torch.jit.export
    def flux(self, magnitude_MK: Tensor, previous_MK: Tensor) -> Tensor:
        """Root mean square change of the magnitudes below 5 kHz against the frame before, [M]."""
        change_MK = magnitude_MK[:, :160] - previous_MK[:, :160]
        return change_MK.square().mean(1).sqrt()

    def forward(self, magnitude_MK: Tensor, flux_M: Tensor) -> Tensor:
        """The ten descriptors of `SPECTRAL_NAMES`, [M, 10]."""
        power_MK = magnitude_MK.square()
        mel_MB = power_MK[:, 2:256] @ self.mel_KB
        loudness_M = (mel_MB.clamp(min=9.3e-10) * self.loudness_B).pow(0.33).mean(1)
        level_MK = 10.0 * torch.log10(power_MK[:, :49].clamp(min=1e-14))
        logarithm_MB = (mel_MB * (32767.0 * 32767.0)).clamp(min=1.0).log()
        balance_M = [
            loudness_M,
            _decibel_ratio(power_MK[:, 32:161].sum(1), power_MK[:, :32].sum(1)),
            _decibel_ratio(power_MK[:, :64].amax(1), power_MK[:, 64:161].amax(1)),
            level_MK[:, :17] @ self.low_slope_K,
            level_MK[:, 16:] @ self.high_slope_K,
            flux_M,
        ]
        return torch.cat([torch.stack(balance_M, 1), logarithm_MB @ self.cosine_BC], 1)
