"""Frequencies and bandwidths of the first three formants by linear prediction.

Method: Markel & Gray, "Linear Prediction of Speech", 1976: the frame is resampled to 11 kHz, an all-pole
model of order 11 is fitted to its autocorrelation, and each complex root of its polynomial is a resonance
with f = arg(z) fs / 2 pi and bandwidth -ln|z| fs / pi.

Delay: the 20 ms frame. Everything from the windowed frame on is float64: the resampled signal has an empty
band above 3.44 kHz, and in float32 the order of summation alone would move formants.

Quirks: resampling weighs DC twice and keeps bins 1 to 109 only; the frame sits in the middle of the padded
FFT block, so the 220 samples start with 66 of padding and miss the frame's last quarter; the polynomial
that is rooted has its coefficients' signs flipped; there is no tracking.

Dimensions: V frames, L samples of a frame, R resampled samples, O order, F formants.
"""

import math
from typing import Final

import torch
from torch import Tensor

FRAME_SAMPLES = 320
FFT_SAMPLES = 512
RESAMPLED = 220
PERIOD = 352
"""Resampled samples in one period of the FFT block: 512 at 16 kHz last as long as 352 at 11 kHz."""
HIGHEST_BIN = 109


def resampling_matrix() -> Tensor:
    """From the raw frame to 220 samples at 11 kHz, Hamming window included, float64 [320, 220]."""
    window_L = torch.hamming_window(FRAME_SAMPLES, periodic=False, dtype=torch.float64)
    sample_L = torch.arange(FRAME_SAMPLES, dtype=torch.float64) + (FFT_SAMPLES - FRAME_SAMPLES) // 2
    output_R = torch.arange(RESAMPLED, dtype=torch.float64)
    delay_LR = output_R / PERIOD - (sample_L / FFT_SAMPLES)[:, None]
    bins_K = torch.arange(1, HIGHEST_BIN + 1, dtype=torch.float64)
    waves_LR = torch.cos(2.0 * math.pi * bins_K * delay_LR[:, :, None]).sum(2)
    return window_L[:, None] * (1.0 + waves_LR) * 2.0 / FFT_SAMPLES


def autocorrelation(signal_VR: Tensor, order: int) -> Tensor:
    """Lags 0 to `order`, [V, order + 1]."""
    size = signal_VR.shape[1]
    lags = [(signal_VR[:, : size - lag] * signal_VR[:, lag:]).sum(1) for lag in range(order + 1)]
    return torch.stack(lags, 1)


def error_filter(correlation_VO: Tensor) -> Tensor:
    """Coefficients a_1..a_p of the prediction error filter 1 + sum a_k z^-k, [V, p]; zeros for silence.

    They solve the normal equations sum_k a_k r(|i - k|) = -r(i), i = 1..p. One general solver for the batch
    takes a fraction of the calls of Durbin's recursion and agrees with it to 1e-11.
    """
    order = correlation_VO.shape[1] - 1
    lag_O = torch.arange(order, device=correlation_VO.device)
    lag_P = (lag_O[:, None] - lag_O).abs().flatten()
    toeplitz_VOO = correlation_VO.index_select(1, lag_P).view(-1, order, order)
    solution_VO1, _ = torch.linalg.solve_ex(toeplitz_VOO, -correlation_VO[:, 1:, None])
    return torch.nan_to_num(solution_VO1[:, :, 0], 0.0, 0.0, 0.0)


def resonances(coefficients_VO: Tensor) -> Tensor:
    """The roots of z^p - a_1 z^(p-1) - ... - a_p, complex [V, p]: eigenvalues of companion matrices."""
    frames, order = coefficients_VO.shape
    companion_VOO = torch.zeros(
        [frames, order, order], dtype=coefficients_VO.dtype, device=coefficients_VO.device
    )
    companion_VOO[:, 0] = coefficients_VO
    below = torch.arange(order - 1, device=coefficients_VO.device)
    companion_VOO[:, below + 1, below] = 1.0
    roots_VO: Tensor = torch.linalg.eigvals(companion_VOO)
    return roots_VO


class Formants(torch.nn.Module):
    """Three formants of each 20 ms frame."""

    resampling_LR: Tensor
    frame_samples: Final[int] = FRAME_SAMPLES
    order: Final[int] = 11
    formants: Final[int] = 3
    rate_hertz: Final[float] = 11000.0
    lowest_hertz: Final[float] = 50.0
    highest_hertz: Final[float] = 5450.0

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("resampling_LR", resampling_matrix())

    @torch.jit.export
    def predict(self, frames_VL: Tensor) -> Tensor:
        """Linear prediction coefficients, float64 [V, 11], of raw frames [V, 320]."""
        resampled_VR = frames_VL.to(torch.float64) @ self.resampling_LR
        return error_filter(autocorrelation(resampled_VR, self.order))

    def forward(self, frames_VL: Tensor) -> tuple[Tensor, Tensor]:
        """Frequencies and bandwidths in Hz, both float64 [V, 3]; 0 where a formant is missing."""
        root_VO = resonances(self.predict(frames_VL))
        frequency_VO = root_VO.angle() * (self.rate_hertz / (2.0 * math.pi))
        bandwidth_VO = root_VO.abs().clamp(min=1e-30).log().abs() * (self.rate_hertz / math.pi)
        valid_VO = (frequency_VO >= self.lowest_hertz) & (frequency_VO <= self.highest_hertz)
        sorted_VO, place_VO = (frequency_VO + 2.0 * self.rate_hertz * (~valid_VO)).sort(1)
        found_VF = sorted_VO[:, : self.formants] <= self.highest_hertz
        frequency_VF = sorted_VO[:, : self.formants] * found_VF
        bandwidth_VF = bandwidth_VO.gather(1, place_VO[:, : self.formants]) * found_VF
        return frequency_VF, bandwidth_VF
