"""The 88 functionals of a sequence of descriptors.

Which frames they read: all that involves pitch is summarised over the decided frames, everything else over
all 20 ms frames. Within them, voice descriptors count where they are not zero; the voiced ("V") and
unvoiced ("UV") versions of spectral descriptors are zeroed elsewhere before smoothing.

Quirks: the last decided frame is smoothed with its undecided neighbour for pitch, V and UV, and as the last
of its row for the other voice descriptors. Where nothing is decided (a short row on which the paths never
agreed), pitch, V and UV read the first frame alone and the other voice descriptors all; openSMILE's V reads
more there, which is the one known difference. "Not zero" is exact: the -201 dB of formant amplitudes in
unvoiced frames counts, a jitter that happens to be 0 does not.

A row without frames (under 960 samples) gives 88 zeros, and one without a voiced frame zeros in all that
needs voicing, but for the formant amplitudes.

Dimensions: B rows, T 20 ms frames, U 60 ms frames, D descriptors, F functionals.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from .contours import FRAME_S, find_extrema, slopes
from .segments import segment_statistics
from .smoothing import smooth, smooth_voiced
from .statistics import mean_and_deviation, percentiles


class Descriptors(NamedTuple):
    """Raw (unsmoothed) descriptors of a batch.

    `spectral_BTD` [B, T, 10] follows `SPECTRAL_NAMES`; `power_BT` is the mean square of each 20 ms frame;
    `frequency_BU` the fundamental frequency in Hz, 0 where unvoiced; `voice_BUD` [B, U, 14] follows
    `VOICE_NAMES`, formant frequencies and bandwidths being 0 where unvoiced. `short_B` and `long_B` count
    the 20 ms and 60 ms frames of each row, `decided_B` those whose pitch all surviving paths agree on.
    """

    spectral_BTD: Tensor
    power_BT: Tensor
    frequency_BU: Tensor
    voice_BUD: Tensor
    short_B: Tensor
    long_B: Tensor
    decided_B: Tensor


def join(pieces: list[Descriptors]) -> Descriptors:
    """Put the descriptors of consecutive stretches of the same rows behind each other."""
    if len(pieces) == 1:
        return pieces[0]
    short = [piece.short_B for piece in pieces]
    long = [piece.long_B for piece in pieces]
    return Descriptors(
        join_tables([piece.spectral_BTD for piece in pieces], short),
        join_tables([piece.power_BT[:, :, None] for piece in pieces], short)[:, :, 0],
        join_tables([piece.frequency_BU[:, :, None] for piece in pieces], long)[:, :, 0],
        join_tables([piece.voice_BUD for piece in pieces], long),
        torch.stack(short).sum(0),
        torch.stack(long).sum(0),
        torch.stack([piece.decided_B for piece in pieces]).sum(0),
    )


def join_tables(tables: list[Tensor], counts: list[Tensor]) -> Tensor:
    """The first `counts` entries of each row of each table, one behind the other, [B, T, D]."""
    total_B = torch.stack(counts).sum(0)
    rows, columns = tables[0].shape[0], tables[0].shape[2]
    width = int(total_B.max()) if rows > 0 else 0
    joined_BTD = torch.zeros([rows, width + 1, columns], dtype=tables[0].dtype, device=tables[0].device)
    begin_B1 = torch.zeros_like(total_B)[:, None]
    for table_BTD, count_B in zip(tables, counts):  # noqa: B905 - TorchScript's zip has no `strict`
        place_T = torch.arange(table_BTD.shape[1], device=total_B.device)
        # What lies behind a row's entries goes to a place that is dropped.
        place_BT = torch.where(
            place_T < count_B[:, None], begin_B1 + place_T, torch.full_like(begin_B1, width)
        )
        joined_BTD.scatter_(1, place_BT[:, :, None].expand(-1, -1, columns), table_BTD)
        begin_B1 = begin_B1 + count_B[:, None]
    return joined_BTD[:, :width]


def semitones(frequency: Tensor) -> Tensor:
    """Semitones above 27.5 Hz, at least 1; 0 where there is no pitch."""
    pitch = 12.0 * torch.log2(frequency.clamp(min=1.0) / 27.5)
    return pitch.clamp(min=1.0) * (frequency > 0.0)


def gather_voiced(values_BU: Tensor) -> tuple[Tensor, Tensor]:
    """Move the non-zero values of each row to its front; also their number, [B]."""
    present_BU = values_BU != 0.0
    order_BU = torch.argsort((~present_BU).to(torch.int8), dim=1, stable=True)
    return values_BU.gather(1, order_BU), present_BU.sum(1)


def _contour_statistics(values_BT: Tensor, number_B: Tensor) -> tuple[Tensor, Tensor]:
    """Ten statistics of a contour's first `number_B` values, [B, 10], and the number of its peaks, [B]."""
    inside_BT = torch.arange(values_BT.shape[1], device=values_BT.device) < number_B[:, None]
    mean_B1, deviation_B1 = mean_and_deviation(values_BT[:, :, None], inside_BT[:, :, None])
    extrema = find_extrema(values_BT, number_B)
    parts = [mean_B1, deviation_B1, percentiles(values_BT, number_B), slopes(values_BT, number_B, extrema)]
    return torch.cat(parts, 1), extrema.maximum_BT.sum(1)


def _interleave(mean_BD: Tensor, deviation_BD: Tensor) -> Tensor:
    return torch.stack([mean_BD, deviation_BD], 2).flatten(1)


class Functionals(torch.nn.Module):
    """Summarises raw descriptors."""

    frame_s: Final[float] = FRAME_S
    largest: Final[float] = 3.0e38

    def forward(self, descriptors: Descriptors) -> Tensor:
        """The 88 functionals, float32 [B, 88]."""
        # Empty tables are padded to one frame, which no count includes.
        short_missing = 1 if descriptors.power_BT.shape[1] == 0 else 0
        long_missing = 1 if descriptors.frequency_BU.shape[1] == 0 else 0
        pad = torch.nn.functional.pad
        spectral_BTD = pad(descriptors.spectral_BTD, [0, 0, 0, short_missing]).to(torch.float64)
        frequency_BU = pad(descriptors.frequency_BU, [0, long_missing]).to(torch.float64)
        voice_BUD = pad(descriptors.voice_BUD, [0, 0, 0, long_missing]).to(torch.float64)
        undecided_B = descriptors.decided_B == 0
        read_B = torch.where(undecided_B, descriptors.long_B.clamp(max=1), descriptors.decided_B)
        seen_B = torch.where(undecided_B, read_B, descriptors.long_B)
        pitch_BU = self.pitch(frequency_BU, seen_B, read_B)
        smoothed_BTD = smooth(spectral_BTD, descriptors.short_B)
        contours_BF, peaks_B = self.contours(pitch_BU, smoothed_BTD[:, :, 0], descriptors.short_B)
        parts = [
            contours_BF,
            self.spectral(smoothed_BTD[:, :, 5:], descriptors.short_B),
            self.voice(voice_BUD, torch.where(undecided_B, descriptors.long_B, read_B)),
            self.masked(spectral_BTD, (frequency_BU > 0.0)[:, :, None], seen_B, read_B),
            self.temporal(pitch_BU, read_B, peaks_B, descriptors.short_B),
            self.level(descriptors.power_BT, descriptors.short_B),
        ]
        features_BF = torch.cat(parts, 1) * (descriptors.long_B > 0)[:, None]
        # A deviation over a mean next to zero may exceed float32.
        return features_BF.clamp(-self.largest, self.largest).to(torch.float32)

    @torch.jit.export
    def pitch(self, frequency_BU: Tensor, seen_B: Tensor, read_B: Tensor) -> Tensor:
        """The pitch in semitones, smoothed over `seen_B` frames, of the first `read_B`, [B, U]."""
        inside_BU = torch.arange(frequency_BU.shape[1], device=seen_B.device) < read_B[:, None]
        return smooth_voiced(semitones(frequency_BU)[:, :, None], seen_B)[:, :, 0] * inside_BU

    @torch.jit.export
    def contours(self, pitch_BU: Tensor, loudness_BT: Tensor, short_B: Tensor) -> tuple[Tensor, Tensor]:
        """Ten statistics of the pitch and ten of the loudness, [B, 20], and how many peaks the latter has."""
        rows, width = short_B.shape[0], max(pitch_BU.shape[1], loudness_BT.shape[1])
        voiced_BU, voiced_B = gather_voiced(pitch_BU)
        pad = torch.nn.functional.pad
        # Twice the rows cost less than twice the calls.
        both = [
            pad(voiced_BU, [0, width - voiced_BU.shape[1]]),
            pad(loudness_BT, [0, width - loudness_BT.shape[1]]),
        ]
        statistics, peaks = _contour_statistics(torch.cat(both), torch.cat([voiced_B, short_B]))
        return torch.cat([statistics[:rows], statistics[rows:]], 1), peaks[rows:]

    @torch.jit.export
    def spectral(self, smoothed_BTD: Tensor, short_B: Tensor) -> Tensor:
        """Means and deviations of flux and cepstrum, [B, 10]."""
        inside_BT = torch.arange(smoothed_BTD.shape[1], device=short_B.device) < short_B[:, None]
        mean_BD, deviation_BD = mean_and_deviation(smoothed_BTD, inside_BT[:, :, None])
        return _interleave(mean_BD, deviation_BD)

    @torch.jit.export
    def voice(self, voice_BUD: Tensor, read_B: Tensor) -> Tensor:
        """Means and deviations of the voice descriptors in the first `read_B` frames, [B, 28]."""
        smoothed_BUD = smooth_voiced(voice_BUD, read_B)
        inside_BU = torch.arange(voice_BUD.shape[1], device=read_B.device) < read_B[:, None]
        selected_BUD = inside_BU[:, :, None] & (smoothed_BUD != 0.0)
        mean_BD, deviation_BD = mean_and_deviation(smoothed_BUD, selected_BUD)
        return _interleave(mean_BD, deviation_BD)

    @torch.jit.export
    def masked(self, spectral_BTD: Tensor, voiced_BU1: Tensor, seen_B: Tensor, read_B: Tensor) -> Tensor:
        """Spectral descriptors of voiced frames (means, deviations), of unvoiced ones (means), [B, 23]."""
        frames = voiced_BU1.shape[1]
        missing = max(0, frames - spectral_BTD.shape[1])
        values_BUD = torch.nn.functional.pad(spectral_BTD, [0, 0, 0, missing])[:, :frames, 1:]
        both_BUD = torch.cat([values_BUD * voiced_BU1, values_BUD[:, :, :5] * ~voiced_BU1], 2)
        smoothed_BUD = smooth_voiced(both_BUD, seen_B)
        inside_BU1 = (torch.arange(frames, device=seen_B.device) < read_B[:, None])[:, :, None]
        mean_BD, deviation_BD = mean_and_deviation(smoothed_BUD, inside_BU1 & (smoothed_BUD != 0.0))
        return torch.cat([_interleave(mean_BD[:, :9], deviation_BD[:, :9]), mean_BD[:, 9:]], 1)

    @torch.jit.export
    def temporal(self, pitch_BU: Tensor, read_B: Tensor, peaks_B: Tensor, short_B: Tensor) -> Tensor:
        """Rates of loudness peaks and voiced stretches (per second), lengths of stretches (s), [B, 6]."""
        rows, voiced_BU = read_B.shape[0], pitch_BU != 0.0
        unvoiced_BU = ~voiced_BU & (torch.arange(pitch_BU.shape[1], device=read_B.device) < read_B[:, None])
        number, mean, deviation = segment_statistics(torch.cat([voiced_BU, unvoiced_BU]))
        columns = [
            peaks_B / (short_B.clamp(min=1) * self.frame_s),
            number[:rows] / (read_B.clamp(min=1) * self.frame_s),
            mean[:rows],
            deviation[:rows],
            mean[rows:],
            deviation[rows:],
        ]
        return torch.stack(columns, 1)

    @torch.jit.export
    def level(self, power_BT: Tensor, short_B: Tensor) -> Tensor:
        """Equivalent sound level in dB, [B, 1]: the mean power of all 20 ms frames."""
        inside_BT = torch.arange(power_BT.shape[1], device=short_B.device) < short_B[:, None]
        mean_B = (power_BT.to(torch.float64) * inside_BT).sum(1) / short_B.clamp(min=1)
        return 10.0 * torch.log10(mean_B.clamp(min=1e-12))[:, None]
