"""A spectrum on an octave axis as one constant matrix: smoothing, then a natural cubic spline.

Both steps are linear in the spectrum, so they are one matrix [513 bins, 513 points], computed once in
float64. Its rows decay away from their own frequency; entries below 1e-10 are dropped, which keeps float32
products clear of denormals and leaves a band that is stored in pieces.

Quirks: bin 0 has no logarithm and sits one octave below bin 1; smoothing takes the left neighbour unsmoothed
and leaves the last bin alone; the bins are 1 / float32(0.064 s) apart.
"""

import math
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

BINS = 513
LOWEST_HZ = 25.0
HIGHEST_HZ = 8000.0
POINTS_PER_OCTAVE = BINS / math.log2(HIGHEST_HZ / LOWEST_HZ)
POINT_SPACING = math.log2(HIGHEST_HZ / LOWEST_HZ) / (BINS - 1)
NEGLIGIBLE = 1e-10
PIECES = (128, 192, 256, 320, 384, 432, 476, BINS)
"""Where the axis is cut: low points need few bins, high points many."""


def _knots() -> Tensor:
    """log2 of the bin frequencies in Hz, [513]."""
    spacing_hertz = 1.0 / float(torch.tensor(0.064, dtype=torch.float32))
    knots = torch.log2(torch.arange(BINS, dtype=torch.float64) * spacing_hertz)
    knots[0] = 2.0 * knots[1] - knots[2]
    return knots


def _smoothing() -> Tensor:
    """(left + 2 centre + right) / 4 with nothing left of bin 0 and the last bin untouched."""
    centre = torch.eye(BINS, dtype=torch.float64)
    smoothing = (centre.roll(-1, 1).tril() + 2.0 * centre + centre.roll(1, 1).triu()) / 4.0
    smoothing[-1] = centre[-1]
    return smoothing


def _second_derivatives(knots: Tensor) -> Tensor:
    """From values at the knots to the spline's second derivatives there, zero at both ends."""
    step = knots.diff()
    system = torch.eye(BINS, dtype=torch.float64)
    right = torch.zeros(BINS, BINS, dtype=torch.float64)
    inner = torch.arange(1, BINS - 1)
    system[inner, inner - 1] = step[:-1] / 6.0
    system[inner, inner] = (step[:-1] + step[1:]) / 3.0
    system[inner, inner + 1] = step[1:] / 6.0
    right[inner, inner - 1] = 1.0 / step[:-1]
    right[inner, inner] = -1.0 / step[:-1] - 1.0 / step[1:]
    right[inner, inner + 1] = 1.0 / step[1:]
    solution: Tensor = torch.linalg.solve(system, right)
    return solution


def octave_matrix() -> Tensor:
    """From the magnitude spectrum to the octave axis, float64 [513 points, 513 bins]."""
    knots = _knots()
    points = math.log2(LOWEST_HZ) + POINT_SPACING * torch.arange(BINS, dtype=torch.float64)
    interval = (torch.searchsorted(knots, points, right=True) - 1).clamp(0, BINS - 2)
    step = knots.diff()[interval]
    right = ((points - knots[interval]) / step)[:, None]
    left = 1.0 - right
    unit = torch.eye(BINS, dtype=torch.float64)
    bend = _second_derivatives(knots)
    line = left * unit[interval] + right * unit[interval + 1]
    curve = (left**3 - left) * bend[interval] + (right**3 - right) * bend[interval + 1]
    return (line + curve * (step**2)[:, None] / 6.0) @ _smoothing()


class _Piece(torch.nn.Module):
    """A stretch of the octave axis and the bins it depends on."""

    matrix_KP: Tensor
    first: Final[int]
    last: Final[int]

    def __init__(self, rows_PK: Tensor) -> None:
        super().__init__()
        used = rows_PK.abs().amax(0).nonzero().flatten()
        self.first = int(used[0])
        self.last = int(used[-1]) + 1
        self.register_buffer("matrix_KP", rows_PK[:, self.first : self.last].t().contiguous())

    def forward(self, spectrum_MK: Tensor) -> Tensor:
        return spectrum_MK[:, self.first : self.last] @ self.matrix_KP


class OctaveAxis(torch.nn.Module):
    """Interpolates magnitude spectra [M, 513] at 513 points, 25 Hz to 8 kHz, equally spaced in octaves."""

    def __init__(self) -> None:
        super().__init__()
        matrix = octave_matrix()
        matrix[matrix.abs() < NEGLIGIBLE] = 0.0
        self.pieces = torch.nn.ModuleList(
            [_Piece(matrix[first:last]) for first, last in pairwise((0, *PIECES))]
        )

    def forward(self, spectrum_MK: Tensor) -> Tensor:
        """Smoothed spectrum on the octave axis, [M, 513]."""
        interpolated_MP: list[Tensor] = []
        for piece in self.pieces:
            interpolated_MP.append(piece(spectrum_MK))  # noqa: PERF401 - TorchScript unrolls no comprehension
        return torch.cat(interpolated_MP, 1)
