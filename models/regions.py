"""Features of regions of speech while they grow: each frame is computed once, a window costs its functionals.

A window is a slice of its region's descriptors: its functionals read the frames that lie in it whole and are
decided. So the features of a region that has ended are those of its audio as a recording of its own, and live
and training windows are cut alike.

Array names carry their shape: B regions or windows, T samples or 20 ms frames, U 60 ms frames, D descriptors,
F features.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from .batches import grouped
from .contract import FRAME_STEP_SAMPLES, FULL_SCALE, SAMPLE_RATE, Samples
from .egemaps.functionals import Descriptors
from .egemaps.names import FEATURE_NAMES
from .egemaps.stream import Streams
from .errors import CmlstreamError
from .inference import inference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from .egemaps import FrontEnd
    from .window import Window

FIRST_CAPACITY_FRAMES = 256

SAMPLES_WORTH_A_CALL = 8 * SAMPLE_RATE
"""Padding of audio that takes as long as another call of `push` by itself: 3.4 ms."""

FRAMES_WORTH_A_CALL = 1300
"""Padding of descriptors that takes as long as another call of `functionals` by itself: 0.5 ms."""


class _Table:
    """Rows of descriptors that only ever grow at their end.

    In numpy: a handful of rows is taken in by a fraction of the time that torch takes to begin.
    """

    def __init__(self, columns: int) -> None:
        self.rows = 0
        self._values_TD = np.empty((FIRST_CAPACITY_FRAMES, columns), np.float32)

    def append(self, values_TD: NDArray[np.float32]) -> None:
        grown = self.rows + len(values_TD)
        while grown > len(self._values_TD):
            self._values_TD = np.concatenate((self._values_TD, np.empty_like(self._values_TD)))
        self._values_TD[self.rows : grown] = values_TD
        self.rows = grown

    def __getitem__(self, first: int) -> NDArray[np.float32]:
        """The rows from `first` on."""
        return self._values_TD[first : self.rows]


@dataclass(slots=True, eq=False)
class Region:
    """What is known of a region of speech from `start` on: samples heard, and descriptors decided so far."""

    start: int
    stream: int
    heard: int = 0
    decided: int = 0
    """60 ms frames that were decided before the region ended; its end brings out the last ones too."""

    ended: bool = False
    """Heard to its end: it has left its place among the streams."""

    short: _Table = field(default_factory=lambda: _Table(11))
    long: _Table = field(default_factory=lambda: _Table(15))


class RegionFeatures:
    """Follows any number of regions with one front end, which may be scripted or loaded from an archive."""

    @inference()
    def __init__(self, front_end: FrontEnd | torch.jit.ScriptModule) -> None:
        self._front_end = front_end
        self._streams = Streams(front_end, 1)
        self._free = [0]

    @inference()
    def begin(self, start: int) -> Region:
        """The region that begins at a sample; it has to be heard to its end, or forgotten."""
        if not self._free:
            number = self._streams.number
            self._streams.grow(number)
            self._free = list(range(number, 2 * number))
        return Region(start, self._free.pop())

    @inference()
    def forget(self, region: Region) -> None:
        """Give up a region before its end; of one that has ended there is nothing left to give up."""
        if region.ended:
            return
        region.ended = True
        self._streams.reset(self._tensor([region.stream]))
        self._free.append(region.stream)

    def follow(self, windows: Iterable[Window]) -> Iterator[NDArray[np.float32]]:
        """The features of one stream's windows in turn, features_BF of a single row each."""
        region: Region | None = None
        for window in windows:
            region = region or self.begin(window.region_start)
            self.hear([region], [window])
            yield self.features([region], [window])
            if window.final:
                region = None

    @inference()
    def hear(self, regions: Sequence[Region], windows: Sequence[Window]) -> None:
        """Take in the audio of each region up to the end of its window; a final window ends the region.

        What a region has heard it does not hear again: after an error the same call goes on where it broke.
        """
        pieces = [_unheard(region, window) for region, window in zip(regions, windows, strict=True)]
        awaited = [
            row
            for row, (region, window) in enumerate(zip(regions, windows, strict=True))
            if len(pieces[row]) or (window.final and not region.ended)
        ]
        for group in grouped([len(pieces[row]) for row in awaited], SAMPLES_WORTH_A_CALL):
            rows = [awaited[place] for place in group]
            self._push(
                [regions[row] for row in rows],
                [pieces[row] for row in rows],
                [windows[row].final for row in rows],
            )

    def _push(self, regions: Sequence[Region], pieces: Sequence[Samples], ends: Sequence[bool]) -> None:
        waveform_BT = np.zeros((len(pieces), max(map(len, pieces))), np.float32)
        for row, piece in enumerate(pieces):
            np.divide(piece, FULL_SCALE, out=waveform_BT[row, : len(piece)])
        new = self._streams.push(
            self._tensor([region.stream for region in regions]),
            torch.from_numpy(waveform_BT).to(self._streams.device),
            self._tensor([len(piece) for piece in pieces]),
            self._tensor(ends),
        )
        short_BTD = torch.cat((new.power_BT.unsqueeze(2), new.spectral_BTD), 2).cpu().numpy()
        long_BUD = torch.cat((new.frequency_BU.unsqueeze(2), new.voice_BUD), 2).cpu().numpy()
        counts = torch.stack((new.short_B, new.long_B, new.decided_B), 1).tolist()
        for row, (region, (short, long, decided)) in enumerate(zip(regions, counts, strict=True)):
            region.heard += len(pieces[row])
            region.decided += decided
            region.short.append(short_BTD[row, :short])
            region.long.append(long_BUD[row, :long])
            if ends[row]:
                region.ended = True
                self._free.append(region.stream)

    @inference()
    def features(self, regions: Sequence[Region], windows: Sequence[Window]) -> NDArray[np.float32]:
        """The functionals of windows that end where their regions were heard to, features_BF.

        A window in which no frame is decided yet gives zeros; in half a second there always is one.
        """
        cuts = [
            _Cut(region, -(-(window.start - region.start) // FRAME_STEP_SAMPLES))
            for region, window in zip(regions, windows, strict=True)
        ]
        features_BF = np.empty((len(cuts), len(FEATURE_NAMES)), np.float32)
        for rows in grouped([cut.short for cut in cuts], FRAMES_WORTH_A_CALL):
            features_BF[rows] = self._functionals([cuts[row] for row in rows])
        return features_BF

    def _functionals(self, cuts: Sequence[_Cut]) -> NDArray[np.float32]:
        device = self._streams.device
        short_BTD = torch.from_numpy(_padded([cut.region.short[cut.first] for cut in cuts])).to(device)
        long_BUD = torch.from_numpy(_padded([cut.region.long[cut.first] for cut in cuts])).to(device)
        descriptors = Descriptors(
            short_BTD[:, :, 1:],
            short_BTD[:, :, 0],
            long_BUD[:, :, 0],
            long_BUD[:, :, 1:],
            self._tensor([cut.short for cut in cuts]),
            self._tensor([cut.long for cut in cuts]),
            self._tensor([cut.decided for cut in cuts]),
        )
        features_BF: NDArray[np.float32] = self._front_end.functionals(descriptors).cpu().numpy()
        return features_BF

    def _tensor(self, values: Sequence[int]) -> torch.Tensor:
        return torch.tensor(values, device=self._streams.device)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A region's frames from `first` on, and how many of each kind there are."""

    region: Region
    first: int

    @property
    def short(self) -> int:
        return max(self.region.short.rows - self.first, 0)

    @property
    def long(self) -> int:
        return max(self.region.long.rows - self.first, 0)

    @property
    def decided(self) -> int:
        return max(self.region.decided - self.first, 0)


def _unheard(region: Region, window: Window) -> Samples:
    if window.region_start != region.start or len(window.audio) < region.heard:
        raise CmlstreamError(
            f"the region from {region.start}, heard for {region.heard} samples, got a window of that from "
            f"{window.region_start} with {len(window.audio)}; give each region its windows in order"
        )
    return window.audio[region.heard :]


def _padded(tables: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    padded_BTD = np.zeros((len(tables), max(map(len, tables)), tables[0].shape[1]), np.float32)
    for row, table_TD in enumerate(tables):
        padded_BTD[row, : len(table_TD)] = table_TD
    return padded_BTD
