"""Pitch candidates of a 60 ms frame by sub-harmonic summation.

Method: Hermes, "Measurement of pitch by subharmonic summation", JASA 83, 1988. Peaks of the magnitude
spectrum are isolated, put on an octave axis, weighted as the ear does, and summed over 15 harmonics with
weights 0.85^(h-1); the six highest maxima of the sum are candidates, each with a probability of voicing.

Delay: the frame itself (60 ms).

Quirks: with one spectral maximum everything from bin 3 up is erased; the highest candidate after
interpolation moves to slot 0, the others keep their order; there is no octave correction.

Dimensions: M frames, K bins, P points of the octave axis, C candidate slots.
"""

import math
from typing import Final

import torch
from torch import Tensor

from .octave import BINS, LOWEST_HZ, POINT_SPACING, POINTS_PER_OCTAVE, OctaveAxis

LOWEST_PITCH_HZ = 55.0
HIGHEST_PITCH_HZ = 1000.0
HARMONICS = 15
COMPRESSION = 0.85


def isolate_peaks(spectrum_MK: Tensor) -> Tensor:
    """Erase every bin between two local maxima that is 3 bins or more away from both."""
    rising_MK = spectrum_MK[:, 1:] > spectrum_MK[:, :-1]
    above_left_MK = torch.nn.functional.pad(rising_MK, [1, 0], value=True)
    above_right_MK = torch.nn.functional.pad(~rising_MK, [0, 1], value=True)
    # Masks and bins fit float32, in which such work is quickest.
    peak_MK = (above_left_MK & above_right_MK).to(torch.float32)
    # The first bin has to exceed its neighbour; the others need only match theirs.
    peak_MK[:, 0] = (spectrum_MK[:, 0] > spectrum_MK[:, 1]).to(torch.float32)
    count_M1 = peak_MK.sum(1, keepdim=True)
    bin_K = torch.arange(spectrum_MK.shape[1], device=spectrum_MK.device).to(torch.float32)
    beyond = float(spectrum_MK.shape[1])
    first_M1 = (peak_MK * (bin_K - beyond)).amin(1, keepdim=True) + beyond
    last_M1 = (peak_MK * (bin_K + 1.0)).amax(1, keepdim=True) - 1.0
    near_MK = torch.nn.functional.max_pool1d(peak_MK, 5, 1, 2)
    outside_MK = (bin_K < first_M1) | (bin_K > last_M1)
    several_MK = torch.maximum(near_MK, outside_MK.to(torch.float32))
    keep_MK = torch.where(count_M1 == 1.0, (bin_K < 3.0).to(torch.float32), several_MK)
    return spectrum_MK * torch.where(count_M1 == 0.0, torch.ones_like(keep_MK), keep_MK)


def parabola(left: Tensor, centre: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Vertex of the parabola through three equidistant values: offset from the centre in steps, height."""
    curvature = left - 2.0 * centre + right
    flat = curvature == 0.0
    offset = 0.5 * (left - right) / (curvature + flat.to(curvature.dtype))
    return offset, centre - 0.25 * (left - right) * offset


class PitchCandidates(torch.nn.Module):
    """Six candidates per frame: frequency in Hz (0 for an empty slot) and probability of voicing."""

    ear_P: Tensor
    slots: Final[int] = 6
    origin_octaves: Final[float] = math.log2(LOWEST_HZ)
    spacing_octaves: Final[float] = POINT_SPACING
    lowest_hertz: Final[float] = LOWEST_PITCH_HZ
    highest_hertz: Final[float] = HIGHEST_PITCH_HZ

    def __init__(self) -> None:
        super().__init__()
        self.octaves = OctaveAxis()
        point_P = torch.arange(BINS, dtype=torch.float64)
        start = POINTS_PER_OCTAVE * math.log2(65.0 / 50.0) - 1.0
        ear_P = 0.5 + torch.atan(3.0 * (point_P + 1.0 - start) / POINTS_PER_OCTAVE) / math.pi
        self.register_buffer("ear_P", ear_P)
        harmonics = range(1, HARMONICS + 1)
        self.shifts = [math.floor(POINTS_PER_OCTAVE * math.log2(h)) for h in harmonics]
        self.weights = [COMPRESSION ** (h - 1) / HARMONICS for h in harmonics]

    @torch.jit.export
    def subharmonic_sum(self, spectrum_MK: Tensor) -> Tensor:
        """The sub-harmonic sum over the octave axis, [M, 513]."""
        heard_MP = self.octaves(isolate_peaks(spectrum_MK)).clamp(min=0.0) * self.ear_P
        sum_MP = torch.zeros_like(heard_MP)
        points = heard_MP.shape[1]
        for shift, weight in zip(self.shifts, self.weights):  # noqa: B905 - TorchScript's zip has no `strict`
            sum_MP[:, : points - shift].add_(heard_MP[:, shift:], alpha=weight)
        return sum_MP

    @torch.jit.export
    def select(self, frequency_MC: Tensor, voicing_MC: Tensor, height_MC: Tensor) -> tuple[Tensor, Tensor]:
        """Close the gaps that candidates outside the range of pitch leave; bring the highest to slot 0."""
        inside_MC = (frequency_MC >= self.lowest_hertz) & (frequency_MC <= self.highest_hertz)
        inside_MC = inside_MC & (height_MC > 0.0)
        height_MC = height_MC * inside_MC
        highest_M1 = height_MC.argmax(1, keepdim=True)
        slot_C = torch.arange(self.slots, device=height_MC.device)
        first_M1 = (slot_C + self.slots * (~inside_MC)).amin(1, keepdim=True)
        # Ranks: the first valid slot and the highest change places, what is invalid goes last.
        rank_MC = slot_C + self.slots * 2 * (~inside_MC)
        rank_MC = torch.where(slot_C == highest_M1, first_M1, rank_MC)
        swapped_MC = (slot_C == first_M1) & (slot_C != highest_M1)
        rank_MC = torch.where(swapped_MC, highest_M1, rank_MC)
        order_MC = rank_MC.argsort(1)
        return (frequency_MC * inside_MC).gather(1, order_MC), (voicing_MC * inside_MC).gather(1, order_MC)

    def forward(self, spectrum_MK: Tensor) -> tuple[Tensor, Tensor]:
        """Frequencies in Hz and probabilities of voicing, both [M, 6], of magnitude spectra [M, 513]."""
        sum_MP = self.subharmonic_sum(spectrum_MK)
        centre_MP = sum_MP[:, 1:-1]
        peak_MP = (centre_MP > sum_MP[:, :-2]) & (centre_MP > sum_MP[:, 2:])
        height_MC, place_MC = (centre_MP * peak_MP).topk(self.slots, 1)
        offset_MC, vertex_MC = parabola(sum_MP.gather(1, place_MC), height_MC, sum_MP.gather(1, place_MC + 2))
        position_MC = (place_MC + 1).to(sum_MP.dtype) + offset_MC
        frequency_MC = torch.exp2(self.origin_octaves + self.spacing_octaves * position_MC)
        mean_M1 = sum_MP.mean(1, keepdim=True)
        found_MC = height_MC > 0.0
        voicing_MC = (1.0 - mean_M1 / (vertex_MC + (~found_MC))) * (vertex_MC > mean_M1)
        return self.select(frequency_MC, voicing_MC, vertex_MC * found_MC)
