"""Descriptors of voiced 60 ms frames: harmonics-to-noise ratio, H1-H2, H1-A3, formant amplitudes.

HNR compares the autocorrelation's peak next to the pitch period with the rest (Boersma, "Accurate short-term
analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound", IFA Proceedings
17, 1993). The level of harmonic n is that of the spectral peak nearest to n F0, in dB relative to F0's
(Hanson, "Glottal characteristics of female speakers", JASA 101, 1997).

Delay: that of the pitch path. Values of unvoiced frames: 0, but -201 for the formant amplitudes.

Quirks: levels are relative to the bin of F0, not to its interpolated peak; "H1-H2" counts F0 as number 0 and
is the level of 2 F0 minus that of 3 F0; a formant's amplitude is the level of the strongest harmonic within
20 % of it.

Dimensions: V voiced frames, K bins or lags, H harmonics, F formants.
"""

from typing import Final

import torch
from torch import Tensor

from cmlstream.models.contract import SAMPLE_RATE

from .pitch import parabola

FFT_SAMPLES = 1024
BIN_HZ = SAMPLE_RATE / FFT_SAMPLES
UNDEFINED_LEVEL_DB = -201.0
LOWEST_LEVEL_DB = -200.0


def strict_maxima(values_VK: Tensor) -> Tensor:
    """Where a value exceeds its neighbours; at the ends, its only neighbour."""
    above_left_VK = torch.nn.functional.pad(values_VK[:, 1:] > values_VK[:, :-1], [1, 0], value=True)
    above_right_VK = torch.nn.functional.pad(values_VK[:, :-1] > values_VK[:, 1:], [0, 1], value=True)
    return above_left_VK & above_right_VK


def harmonics_to_noise(spectrum_VK: Tensor, frequency_V: Tensor, sample_rate: int = SAMPLE_RATE) -> Tensor:
    """HNR in dB, within -90 and 110, of magnitude spectra [V, 513] at these fundamental frequencies."""
    lags = spectrum_VK.shape[1]
    correlation_VK = torch.fft.irfft(spectrum_VK.square()).abs()[:, :lags]
    peak_VK = strict_maxima(correlation_VK)[:, 1:-1]
    period_V1 = torch.floor(sample_rate / frequency_V)[:, None].to(torch.float32)
    lag_K = torch.arange(1, lags - 1, device=frequency_V.device).to(torch.float32)
    # The first of equal minima is the smaller lag.
    distance_VK = (lag_K - period_V1).abs() + 2.0 * lags * (~peak_VK)
    nearest_V = distance_VK.argmin(1, keepdim=True) + 1
    height_V = correlation_VK.gather(1, nearest_V)[:, 0]
    noise_V = correlation_VK[:, 0] - height_V
    ratio_V = height_V / torch.where(noise_V == 0.0, torch.full_like(noise_V, 1e-30), noise_V)
    return 10.0 * torch.log10(ratio_V.clamp(1e-9, 1e11))


def nearest_bin(frequency: Tensor, bins: int, bin_hertz: float = BIN_HZ) -> Tensor:
    """The bin closest to each frequency, the upper one on ties; 0 from the last bin on."""
    position = frequency / bin_hertz
    return torch.floor(position + 0.5).to(torch.int64) * (position < bins - 1)


def nearest_peaks(spectrum_VK: Tensor, frequency_V: Tensor, harmonics: int) -> tuple[Tensor, Tensor]:
    """Bins of the peaks nearest to each harmonic, [V, H], and whether there is one within half an F0."""
    bins = spectrum_VK.shape[1]
    # Numbers of bins fit float32, in which running maxima are quickest.
    bin_K = torch.arange(bins, device=spectrum_VK.device).to(torch.float32)
    peak_VK = strict_maxima(spectrum_VK).to(torch.float32)
    left_VK = torch.cummax(peak_VK * (bin_K + 1.0), 1)[0] - 1.0
    right_VK = bins - torch.cummax((peak_VK * (bins - bin_K)).flip(1), 1)[0].flip(1)
    number_H = torch.arange(1, harmonics + 1, device=frequency_V.device).to(frequency_V.dtype)
    centre_VH = nearest_bin(number_H * frequency_V[:, None], bins)
    lowest_VH = nearest_bin((number_H - 0.5) * frequency_V[:, None], bins)
    highest_VH = nearest_bin((number_H + 0.5) * frequency_V[:, None], bins)
    left_VH = left_VK.gather(1, centre_VH).to(torch.int64)
    right_VH = right_VK.gather(1, centre_VH).to(torch.int64)
    in_left_VH = (left_VH >= lowest_VH) & (left_VH >= 0)
    # Where the peak is at the centre itself, left and right are the same bin and no limit applies.
    in_right_VH = (right_VH <= highest_VH) | (right_VH == centre_VH)
    take_right_VH = in_right_VH & (~in_left_VH | (right_VH - centre_VH <= centre_VH - left_VH))
    chosen_VH = torch.where(take_right_VH, right_VH, left_VH)
    floor_V1 = nearest_bin(0.5 * frequency_V, bins)[:, None]
    found_VH = (in_left_VH | in_right_VH) & (chosen_VH >= floor_V1) & (chosen_VH < bins - 1)
    return chosen_VH * found_VH, found_VH


class Harmonics(torch.nn.Module):
    """Levels of the harmonics and what follows from them."""

    most: Final[int] = 100
    bin_hertz: Final[float] = BIN_HZ
    undefined: Final[float] = UNDEFINED_LEVEL_DB
    lowest: Final[float] = LOWEST_LEVEL_DB

    @torch.jit.export
    def levels(self, spectrum_VK: Tensor, frequency_V: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Level in dB relative to F0, frequency in Hz and magnitude of each harmonic's peak, all [V, H]."""
        bin_VH, found_VH = nearest_peaks(spectrum_VK, frequency_V, self.most)
        repeated_VH = torch.nn.functional.pad(bin_VH[:, 1:] == bin_VH[:, :-1], [1, 0], value=False) & found_VH
        present_VH = (found_VH & ~repeated_VH).to(spectrum_VK.dtype)
        inner_VH = bin_VH.clamp(min=1)
        raw_VH = spectrum_VK.gather(1, inner_VH)
        offset_VH, height_VH = parabola(
            spectrum_VK.gather(1, inner_VH - 1), raw_VH, spectrum_VK.gather(1, inner_VH + 1)
        )
        first_V1 = raw_VH[:, :1]
        ratio_VH = height_VH / first_V1.clamp(min=1e-30)
        level_VH = (20.0 * torch.log10(ratio_VH.clamp(min=1e-12))).clamp(min=self.lowest)
        level_VH = torch.where(found_VH, level_VH, torch.full_like(level_VH, self.lowest))
        level_VH = torch.where(repeated_VH, torch.full_like(level_VH, self.undefined), level_VH)
        level_VH[:, 0] = 0.0
        level_VH = torch.where(found_VH[:, :1], level_VH, torch.full_like(level_VH, self.undefined))
        position_VH = (inner_VH.to(offset_VH.dtype) + offset_VH) * self.bin_hertz
        return level_VH, position_VH * present_VH, raw_VH * present_VH

    @torch.jit.export
    def formant_levels(
        self, level_VH: Tensor, position_VH: Tensor, raw_VH: Tensor, formant_VF: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Level of the strongest harmonic near each formant (0 if there is none) and whether there is one."""
        centre_VF1 = formant_VF[:, :, None]
        place_V1H = position_VH[:, None]
        near_VFH = (place_V1H >= 0.8 * centre_VF1) & (place_V1H <= 1.2 * centre_VF1) & (raw_VH > 0.0)[:, None]
        strength_VFH = raw_VH[:, None] * near_VFH
        strongest_VF = strength_VFH.argmax(2)
        found_VF = near_VFH.any(2)
        return level_VH.gather(1, strongest_VF) * found_VF, found_VF

    def forward(self, spectrum_VK: Tensor, frequency_V: Tensor, formant_VF: Tensor) -> tuple[Tensor, Tensor]:
        """H1-H2 and H1-A3 in dB, [V, 2], and the amplitudes of the formants in dB, [V, 3]."""
        level_VH, position_VH, raw_VH = self.levels(spectrum_VK, frequency_V)
        amplitude_VF, found_VF = self.formant_levels(level_VH, position_VH, raw_VH, formant_VF)
        bound = -self.undefined
        tilt_V = (level_VH[:, 1] - level_VH[:, 2]).clamp(-bound, bound)
        against_V = torch.where(found_VF[:, 2], amplitude_VF[:, 2], torch.full_like(tilt_V, bound))
        fall_V = (level_VH[:, 1] - against_V).clamp(min=self.undefined)
        return torch.stack([tilt_V, fall_V], 1), amplitude_VF
