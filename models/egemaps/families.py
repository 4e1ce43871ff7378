"""What is computed on single frames: spectral descriptors, pitch candidates, descriptors of voiced frames.

Frames are processed in blocks, which bounds the memory that a long recording takes; spectra of voiced frames
are computed again rather than kept. Spectra are float64: whatever is added up in another order when frames
come in other company then stays below 1e-12, and no decision on the way turns over it.

Dimensions: B rows, T 20 ms frames, U 60 ms frames, W samples of a row, N samples of all rows, M frames of all
rows, V voiced frames, L samples of a frame, K bins, C pitch candidates, D descriptors.
"""

from typing import Final

import torch
from torch import Tensor

from .formants import Formants
from .framing import list_frames, quantise, take_frames, to_table, widest
from .functionals import Descriptors
from .harmonics import Harmonics, harmonics_to_noise
from .pitch import PitchCandidates
from .spectral import SpectralDescriptors, magnitude_spectrum

LONG_FRAME_SAMPLES = 960
LONG_FFT_SAMPLES = 1024


class FrameDescriptors(torch.nn.Module):
    """All families of descriptors that look at one frame."""

    window_L: Tensor
    short_samples: Final[int] = 320
    long_samples: Final[int] = LONG_FRAME_SAMPLES
    fft_samples: Final[int] = LONG_FFT_SAMPLES
    block_frames: Final[int] = 512

    def __init__(self) -> None:
        super().__init__()
        self.spectral = SpectralDescriptors()
        self.candidates = PitchCandidates()
        self.harmonics = Harmonics()
        self.formants = Formants()
        middle = (self.long_samples - 1) / 2.0
        place_L = (torch.arange(self.long_samples, dtype=torch.float64) - middle) / (0.4 * middle)
        self.register_buffer("window_L", torch.exp(-0.5 * place_L.square()))

    @torch.jit.export
    def spectral_frames(self, samples_BW: Tensor, first_B: Tensor, end_B: Tensor) -> Tensor:
        """Mean square and the ten spectral descriptors of 20 ms frames, [B, T, 11]."""
        # The frame before the first is listed too, for the flux, and dropped again.
        listed = list_frames((first_B - 1).clamp(min=0), end_B, samples_BW.shape[1])
        samples_N = samples_BW.flatten()
        blocks = [torch.zeros([0, 11], device=samples_N.device)]
        previous = torch.zeros([1, self.spectral.bins], dtype=torch.float64, device=samples_N.device)
        for first in range(0, listed.start_M.shape[0], self.block_frames):
            start_M = listed.start_M[first : first + self.block_frames]
            follows_M = listed.number_M[first : first + self.block_frames] > 0
            frames_ML = take_frames(samples_N, start_M, self.short_samples).to(torch.float64)
            magnitude_MK = self.spectral.magnitudes(frames_ML)
            flux_M = self.spectral.flux(magnitude_MK, torch.cat([previous, magnitude_MK[:-1]])) * follows_M
            previous = magnitude_MK[-1:]
            power_M1 = frames_ML.square().mean(1, keepdim=True)
            blocks.append(torch.cat([power_M1, self.spectral(magnitude_MK, flux_M)], 1).to(torch.float32))
        place_M = listed.number_M + (first_B == 0).to(torch.int64).index_select(0, listed.row_M)
        table_BTD = to_table(torch.cat(blocks), listed.row_M, place_M, first_B.shape[0], listed.width + 1)
        return table_BTD[:, 1 : 1 + widest(end_B - first_B)]

    @torch.jit.export
    def pitch_frames(self, samples_BW: Tensor, first_B: Tensor, end_B: Tensor) -> Tensor:
        """Six candidate frequencies, probabilities of voicing and the level of 60 ms frames, [B, U, 13]."""
        listed = list_frames(first_B, end_B, samples_BW.shape[1])
        samples_N = samples_BW.flatten()
        blocks = [
            torch.zeros([0, 2 * self.candidates.slots + 1], dtype=torch.float64, device=samples_N.device)
        ]
        for first in range(0, listed.start_M.shape[0], self.block_frames):
            start_M = listed.start_M[first : first + self.block_frames]
            windowed_ML = take_frames(samples_N, start_M, self.long_samples) * self.window_L
            magnitude_MK = magnitude_spectrum(windowed_ML, self.fft_samples)
            frequency_MC, voicing_MC = self.candidates(magnitude_MK)
            level_M1 = windowed_ML.square().mean(1, keepdim=True).sqrt()
            blocks.append(torch.cat([frequency_MC, voicing_MC, level_M1], 1))
        return to_table(torch.cat(blocks), listed.row_M, listed.number_M, first_B.shape[0], listed.width)

    @torch.jit.export
    def voiced_frames(self, samples_N: Tensor, start_V: Tensor, frequency_V: Tensor) -> Tensor:
        """HNR, H1-H2, H1-A3, and frequency, bandwidth and amplitude of three formants, [V, 12]."""
        blocks = [torch.zeros([0, 12], device=samples_N.device)]
        for first in range(0, start_V.shape[0], self.block_frames):
            start_M = start_V[first : first + self.block_frames]
            frequency_M = frequency_V[first : first + self.block_frames].to(torch.float64)
            long_ML = take_frames(samples_N, start_M, self.long_samples)
            magnitude_MK = magnitude_spectrum(long_ML * self.window_L, self.fft_samples)
            noise_M = harmonics_to_noise(magnitude_MK, frequency_M)
            formant_M3, bandwidth_M3 = self.formants(take_frames(samples_N, start_M, self.short_samples))
            tilt_M2, amplitude_M3 = self.harmonics(magnitude_MK, frequency_M, formant_M3)
            formants_MD = torch.stack([formant_M3, bandwidth_M3, amplitude_M3], 2).flatten(1)
            blocks.append(torch.cat([noise_M[:, None], tilt_M2, formants_MD], 1).to(torch.float32))
        return torch.cat(blocks)

    @torch.jit.export
    def every_formant(self, waveform_BT: Tensor, descriptors: Descriptors) -> Tensor:
        """The voice descriptors with formant frequencies and bandwidths of unvoiced frames added."""
        rows, width = descriptors.frequency_BU.shape
        frames = list_frames(torch.zeros_like(descriptors.long_B), descriptors.long_B, waveform_BT.shape[1])
        cell_M = frames.row_M * width + frames.number_M
        listed_V = (descriptors.frequency_BU.flatten().index_select(0, cell_M) <= 0.0).nonzero()[:, 0]
        cell_V, start_V = cell_M.index_select(0, listed_V), frames.start_M.index_select(0, listed_V)
        flat_CD = descriptors.voice_BUD.flatten(0, 1).clone()
        for first in range(0, start_V.shape[0], self.block_frames):
            start_M = start_V[first : first + self.block_frames]
            cell_M = cell_V[first : first + self.block_frames]
            frames_ML = quantise(take_frames(waveform_BT.flatten(), start_M, self.short_samples))
            formant_M3, bandwidth_M3 = self.formants(frames_ML)
            flat_CD[:, 5::3].index_copy_(0, cell_M, formant_M3.to(torch.float32))
            flat_CD[:, 6::3].index_copy_(0, cell_M, bandwidth_M3.to(torch.float32))
        return flat_CD.view(rows, width, flat_CD.shape[1])
