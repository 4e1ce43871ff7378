"""The front end: padded waveforms to descriptors, descriptors to functionals, as one scriptable module.

    waveform_BT -> quantise -> 20 ms frames -> spectral descriptors
                            -> 60 ms frames -> pitch candidates -> path -> voiced frames
                                            -> formants, harmonics, jitter, shimmer
    Descriptors -> 88 functionals

Every stage is a computation on single frames, but for three: the flux (the frame before), the pitch path
(up to 39 frames ahead), and the pitch periods (the voiced run so far). Frames are processed in blocks,
which bounds the memory that a long recording takes; spectra of voiced frames are computed again rather than
kept.

Method: Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and
Affective Computing", IEEE Transactions on Affective Computing 7(2), 2016.

Dimensions: B rows, T samples or 20 ms frames, U 60 ms frames, N samples of all rows, M frames of all rows, V
voiced frames, L samples of a frame, K bins, C pitch candidates, D descriptors, F functionals.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from cmlstream.models.contract import SAMPLE_RATE

from .formants import Formants
from .framing import FrameList, frame_counts, list_frames, quantise, take_frames, to_table
from .functionals import Descriptors, Functionals, semitones
from .harmonics import UNDEFINED_LEVEL_DB, Harmonics, harmonics_to_noise
from .names import FEATURE_NAMES
from .periods import READ_AHEAD_SAMPLES, voiced_runs
from .perturbation import Perturbation
from .pitch import PitchCandidates
from .smoothing import neighbours, smooth, smooth_voiced
from .spectral import SpectralDescriptors, magnitude_spectrum
from .viterbi import PitchPath

LONG_FRAME_SAMPLES = 960
LONG_FFT_SAMPLES = 1024


class DescriptorTable(NamedTuple):
    """The 25 smoothed descriptors [B, rows, 25] in the order of `LLD_NAMES`, and each waveform's rows [B].

    Row t starts at 10 t ms; rows behind a waveform's own are 0.
    """

    values_BTD: Tensor
    rows_B: Tensor


class FrontEnd(torch.nn.Module):
    """eGeMAPS v02 for a padded batch of waveforms at 16 kHz.

    Scriptable (`torch.jit.script(FrontEnd())` carries `descriptors`, `functionals` and `lld`), and its
    results are finite for any input: samples that are not finite count as 0, and a waveform of under 960
    samples, which has no frame, gives 88 zeros. A waveform without a voiced frame gives 0 in whatever needs
    voicing, but for the formant amplitudes (-201 dB).

    >>> import torch
    >>> front_end = FrontEnd()
    >>> waveform_BT = 0.1 * torch.randn(2, 16000, generator=torch.Generator().manual_seed(1))
    >>> features_BF = front_end(waveform_BT, torch.tensor([16000, 12000]))
    >>> features_BF.shape
    torch.Size([2, 88])
    """

    window_L: Tensor
    short_samples: Final[int] = 320
    long_samples: Final[int] = LONG_FRAME_SAMPLES
    fft_samples: Final[int] = LONG_FFT_SAMPLES
    read_ahead: Final[int] = READ_AHEAD_SAMPLES
    least_level: Final[float] = 0.001
    undefined: Final[float] = UNDEFINED_LEVEL_DB
    block_frames: Final[int] = 512

    def __init__(self) -> None:
        super().__init__()
        self.spectral = SpectralDescriptors()
        self.candidates = PitchCandidates()
        self.path = PitchPath()
        self.harmonics = Harmonics()
        self.formants = Formants()
        self.perturbation = Perturbation()
        self.summary = Functionals()
        middle = (self.long_samples - 1) / 2.0
        place_L = (torch.arange(self.long_samples, dtype=torch.float64) - middle) / (0.4 * middle)
        self.register_buffer("window_L", torch.exp(-0.5 * place_L.square()).float())

    def forward(self, waveform_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """The 88 functionals, float32 [B, 88], in the order of `FEATURE_NAMES`.

        `waveform_BT` holds samples in [-1, 1), `lengths_B` (int64) how many of each row are real.
        """
        return self.functionals(self.descriptors(waveform_BT, lengths_B))

    @torch.jit.export
    def functionals(self, descriptors: Descriptors) -> Tensor:
        """The 88 functionals of raw descriptors, float32 [B, 88]."""
        features_BF: Tensor = self.summary(descriptors)
        return features_BF

    @torch.jit.export
    def descriptors(self, waveform_BT: Tensor, lengths_B: Tensor) -> Descriptors:
        """The raw descriptors that the functionals need (formants in voiced frames only)."""
        samples_N, row_samples, lengths_B = self.prepare(waveform_BT, lengths_B)
        rows = lengths_B.shape[0]
        short = list_frames(frame_counts(lengths_B, self.short_samples), row_samples)
        long = list_frames(frame_counts(lengths_B, self.long_samples), row_samples)
        short_MD = self.short_blocks(samples_N, short)
        short_BTD = to_table(short_MD, short.cell_M, rows, short.width)
        pitch_MD = self.long_blocks(samples_N, long)
        pitch_BUD = to_table(pitch_MD, long.cell_M, rows, long.width).to(torch.float64)
        slots = self.candidates.slots
        frequency_BU, decided_B = self.path(pitch_BUD[:, :, :slots], pitch_BUD[:, :, slots:-1], long.count_B)
        loud_BU = pitch_BUD[:, :, -1] > self.least_level
        frequency_BU = (frequency_BU * loud_BU).to(torch.float32)
        voice_BUD = self.voice(samples_N, long, frequency_BU)
        return Descriptors(
            short_BTD[:, :, 1:],
            short_BTD[:, :, 0],
            frequency_BU,
            voice_BUD,
            short.count_B,
            long.count_B,
            decided_B,
        )

    @torch.jit.export
    def prepare(self, waveform_BT: Tensor, lengths_B: Tensor) -> tuple[Tensor, int, Tensor]:
        """Quantised samples of all rows in one line, the samples from row to row, and the checked lengths."""
        if waveform_BT.dim() != 2 or lengths_B.dim() != 1 or waveform_BT.shape[0] != lengths_B.shape[0]:
            raise ValueError("waveforms must be [B, T] and lengths [B]; pad waveforms to one length first")
        lengths_B = lengths_B.to(torch.int64).clamp(0, waveform_BT.shape[1])
        samples_BT = quantise(waveform_BT, lengths_B)
        missing = max(0, self.long_samples - waveform_BT.shape[1])
        samples_BT = torch.nn.functional.pad(samples_BT, [0, missing])
        samples_N = torch.nn.functional.pad(samples_BT.flatten(), [0, self.read_ahead])
        return samples_N, samples_BT.shape[1], lengths_B

    @torch.jit.export
    def short_blocks(self, samples_N: Tensor, frames: FrameList) -> Tensor:
        """Mean square and the ten spectral descriptors of 20 ms frames, [M, 11]."""
        blocks = [torch.zeros([0, 11], device=samples_N.device)]
        previous = torch.zeros([1, self.spectral.fft_samples // 2 + 1], device=samples_N.device)
        for first in range(0, frames.start_M.shape[0], self.block_frames):
            start_M = frames.start_M[first : first + self.block_frames]
            follows_M = ~frames.first_M[first : first + self.block_frames]
            frames_ML = take_frames(samples_N, start_M, self.short_samples)
            magnitude_MK = self.spectral.magnitudes(frames_ML)
            flux_M = self.spectral.flux(magnitude_MK, torch.cat([previous, magnitude_MK[:-1]])) * follows_M
            previous = magnitude_MK[-1:]
            power_M1 = frames_ML.square().mean(1, keepdim=True)
            blocks.append(torch.cat([power_M1, self.spectral(magnitude_MK, flux_M)], 1))
        return torch.cat(blocks)

    @torch.jit.export
    def long_blocks(self, samples_N: Tensor, frames: FrameList) -> Tensor:
        """Six candidate frequencies, six probabilities of voicing and the level of 60 ms frames, [M, 13]."""
        blocks = [torch.zeros([0, 2 * self.candidates.slots + 1], device=samples_N.device)]
        for first in range(0, frames.start_M.shape[0], self.block_frames):
            start_M = frames.start_M[first : first + self.block_frames]
            windowed_ML = take_frames(samples_N, start_M, self.long_samples) * self.window_L
            magnitude_MK = torch.fft.rfft(windowed_ML, n=self.fft_samples).abs()
            frequency_MC, voicing_MC = self.candidates(magnitude_MK)
            level_M1 = windowed_ML.square().mean(1, keepdim=True).sqrt()
            blocks.append(torch.cat([frequency_MC, voicing_MC, level_M1], 1))
        return torch.cat(blocks)

    @torch.jit.export
    def voice(self, samples_N: Tensor, frames: FrameList, frequency_BU: Tensor) -> Tensor:
        """The 14 voice descriptors of 60 ms frames, [B, U, 14]."""
        rows, width = frequency_BU.shape
        frequency_M = frequency_BU.flatten().index_select(0, frames.cell_M)
        voiced_V = (frequency_M > 0.0).nonzero()[:, 0]
        start_V, frequency_V = frames.start_M.index_select(0, voiced_V), frequency_M.index_select(0, voiced_V)
        perturbation_V2 = self.perturbation(samples_N, voiced_runs(start_V, frequency_V))
        spectral_VD = self.voiced_blocks(samples_N, start_V, frequency_V)
        table_BUD = torch.zeros([rows * width, 14], device=samples_N.device)
        table_BUD[:, 7::3] = self.undefined
        values_VD = torch.cat([perturbation_V2, spectral_VD], 1)
        cell_V = frames.cell_M.index_select(0, voiced_V)
        return table_BUD.index_copy(0, cell_V, values_VD).view(rows, width, 14)

    @torch.jit.export
    def voiced_blocks(self, samples_N: Tensor, start_V: Tensor, frequency_V: Tensor) -> Tensor:
        """HNR, H1-H2, H1-A3, and frequency, bandwidth and amplitude of three formants, [V, 12]."""
        blocks = [torch.zeros([0, 12], device=samples_N.device)]
        for first in range(0, start_V.shape[0], self.block_frames):
            start_M = start_V[first : first + self.block_frames]
            frequency_M = frequency_V[first : first + self.block_frames]
            long_ML = take_frames(samples_N, start_M, self.long_samples)
            magnitude_MK = magnitude_spectrum(long_ML, self.window_L, self.fft_samples)
            noise_M = harmonics_to_noise(magnitude_MK, frequency_M)
            formant_M3, bandwidth_M3 = self.formants(take_frames(samples_N, start_M, self.short_samples))
            tilt_M2, amplitude_M3 = self.harmonics(magnitude_MK, frequency_M, formant_M3)
            formants_MD = torch.stack([formant_M3, bandwidth_M3, amplitude_M3], 2).flatten(1)
            blocks.append(torch.cat([noise_M[:, None], tilt_M2, formants_MD], 1))
        return torch.cat(blocks)

    @torch.jit.export
    def lld(self, waveform_BT: Tensor, lengths_B: Tensor) -> DescriptorTable:
        """The 25 smoothed descriptors, one row more than 60 ms frames, formants in unvoiced frames too.

        Quirk: the columns of `VOICE_NAMES` and the pitch are smoothed as if their input ended with the
        decided frames, and then go on.
        """
        descriptors = self.descriptors(waveform_BT, lengths_B)
        pitch_BU1 = semitones(descriptors.frequency_BU)[:, :, None]
        voice_BUD = self.every_formant(waveform_BT, lengths_B, descriptors)
        voice_BUD = torch.cat([pitch_BU1, voice_BUD], 2)
        width = voice_BUD.shape[1]
        rows_B = (descriptors.long_B + 1) * (descriptors.long_B > 0)
        if width == 0:
            return DescriptorTable(torch.zeros([rows_B.shape[0], 0, 25], device=voice_BUD.device), rows_B)
        # Where nothing is decided before the input ends there is no border.
        border_B = torch.where(descriptors.decided_B == 0, descriptors.long_B, descriptors.decided_B)
        voice_BTD = self.smooth_in_two(voice_BUD, descriptors.long_B, border_B)
        spectral_BTD = smooth(descriptors.spectral_BTD, descriptors.short_B)[:, : width + 1]
        inside_BT = torch.arange(width + 1, device=rows_B.device) < rows_B[:, None]
        return DescriptorTable(torch.cat([spectral_BTD, voice_BTD], 2) * inside_BT[:, :, None], rows_B)

    @torch.jit.export
    def every_formant(self, waveform_BT: Tensor, lengths_B: Tensor, descriptors: Descriptors) -> Tensor:
        """The voice descriptors with formant frequencies and bandwidths of unvoiced frames added."""
        samples_N, row_samples, lengths_B = self.prepare(waveform_BT, lengths_B)
        rows, width = descriptors.frequency_BU.shape
        frames = list_frames(descriptors.long_B, row_samples)
        unvoiced_M = descriptors.frequency_BU.flatten().index_select(0, frames.cell_M) <= 0.0
        listed_V = unvoiced_M.nonzero()[:, 0]
        cell_V, start_V = frames.cell_M.index_select(0, listed_V), frames.start_M.index_select(0, listed_V)
        flat_CD = descriptors.voice_BUD.flatten(0, 1).clone()
        for first in range(0, start_V.shape[0], self.block_frames):
            start_M = start_V[first : first + self.block_frames]
            cell_M = cell_V[first : first + self.block_frames]
            formant_M3, bandwidth_M3 = self.formants(take_frames(samples_N, start_M, self.short_samples))
            flat_CD[:, 5::3] = flat_CD[:, 5::3].index_copy(0, cell_M, formant_M3)
            flat_CD[:, 6::3] = flat_CD[:, 6::3].index_copy(0, cell_M, bandwidth_M3)
        return flat_CD.view(rows, width, flat_CD.shape[1])

    @torch.jit.export
    def smooth_in_two(self, voice_BUD: Tensor, long_B: Tensor, decided_B: Tensor) -> Tensor:
        """Smooth the decided frames and one more, then go on from there to one frame behind the end."""
        extended_BTD = torch.cat([voice_BUD, voice_BUD[:, -1:]], 1)
        frame_T = torch.arange(extended_BTD.shape[1], device=long_B.device)
        behind_BT = frame_T >= long_B[:, None]
        held_BTD = torch.where(behind_BT[:, :, None], neighbours(extended_BTD, long_B)[0], extended_BTD)
        whole_BTD = smooth_voiced(held_BTD, long_B + 1)
        first_BTD = smooth_voiced(held_BTD, decided_B)
        is_last_BT = (frame_T == decided_B[:, None] - 1)[:, :, None]
        is_next_BT = (frame_T == decided_B[:, None])[:, :, None]
        two_BTD = torch.where(is_last_BT, first_BTD, whole_BTD)
        return torch.where(is_next_BT, neighbours(held_BTD, long_B + 1)[0], two_BTD)


def extract(waveform: Tensor | Sequence[float], sample_rate: int = SAMPLE_RATE) -> dict[str, float]:
    """The 88 functionals of one waveform by name.

    `waveform` holds samples in [-1, 1) at 16 kHz. Raises `ValueError` for another rate: resample first.

    >>> import math
    >>> tone = [0.5 * math.sin(2 * math.pi * 220 * n / 16000) for n in range(16000)]
    >>> round(extract(tone)["F0semitoneFrom27.5Hz_sma3nz_amean"])
    36
    """
    if sample_rate != SAMPLE_RATE:
        raise ValueError(
            f"eGeMAPS is computed at {SAMPLE_RATE} Hz, not at {sample_rate} Hz: resample the waveform first"
        )
    waveform_T = torch.as_tensor(waveform, dtype=torch.float32)
    with torch.inference_mode():
        features_F = FrontEnd()(waveform_T[None], torch.tensor([waveform_T.shape[0]]))[0]
    return dict(zip(FEATURE_NAMES, features_F.tolist(), strict=True))
