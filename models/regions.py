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

from .contract import FRAME_STEP_SAMPLES, FULL_SCALE, Samples
from .egemaps.functionals import Descriptors
from .egemaps.stream import Streams
from .errors import CmlstreamError
from .inference import inference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from .egemaps import FrontEnd
    from .window import Window

FIRST_CAPACITY_FRAMES = 256


class _Table:
    """Rows of descriptors that only ever grow at their end."""

    def __init__(self, columns: int) -> None:
        self.rows = 0
        self._values_TD = torch.empty(FIRST_CAPACITY_FRAMES, columns)

    def append(self, values_TD: Tensor) -> None:
        grown = self.rows + len(values_TD)
        while grown > len(self._values_TD):
            self._values_TD = torch.cat((self._values_TD, torch.empty_like(self._values_TD)))
        self._values_TD[self.rows : grown] = values_TD
        self.rows = grown

    def __getitem__(self, first: int) -> Tensor:
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
            self._free = list(range(self._streams.number, 2 * self._streams.number))
            self._streams.grow(self._streams.number)
        return Region(start, self._free.pop())

    @inference()
    def forget(self, region: Region) -> None:
        """Give up a region before its end."""
        self._streams.reset(torch.tensor([region.stream]))
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
        """Take in the audio of each region up to the end of its window; a final window ends the region."""
        pieces = [_unheard(region, window) for region, window in zip(regions, windows, strict=True)]
        waveform_BT = np.zeros((len(pieces), max(len(piece) for piece in pieces)), np.float32)
        for row, piece in enumerate(pieces):
            np.divide(piece, FULL_SCALE, out=waveform_BT[row, : len(piece)])
        new = self._streams.push(
            torch.tensor([region.stream for region in regions]),
            torch.from_numpy(waveform_BT),
            torch.tensor([len(piece) for piece in pieces]),
            torch.tensor([window.final for window in windows]),
        )
        short_BTD = torch.cat((new.power_BT.unsqueeze(2), new.spectral_BTD), 2)
        long_BUD = torch.cat((new.frequency_BU.unsqueeze(2), new.voice_BUD), 2)
        counts = torch.stack((new.short_B, new.long_B, new.decided_B), 1).tolist()
        for row, (region, (short, long, decided)) in enumerate(zip(regions, counts, strict=True)):
            region.heard += len(pieces[row])
            region.decided += decided
            region.short.append(short_BTD[row, :short])
            region.long.append(long_BUD[row, :long])
            if windows[row].final:
                self._free.append(region.stream)

    @inference()
    def features(self, regions: Sequence[Region], windows: Sequence[Window]) -> NDArray[np.float32]:
        """The functionals of windows that end where their regions were heard to, features_BF.

        A window in which no frame is decided yet gives zeros; in half a second there always is one.
        """
        cuts = [
            (region, -(-(window.start - region.start) // FRAME_STEP_SAMPLES))
            for region, window in zip(regions, windows, strict=True)
        ]
        short_BTD = _padded([region.short[first] for region, first in cuts])
        long_BUD = _padded([region.long[first] for region, first in cuts])
        descriptors = Descriptors(
            short_BTD[:, :, 1:],
            short_BTD[:, :, 0],
            long_BUD[:, :, 0],
            long_BUD[:, :, 1:],
            torch.tensor([max(region.short.rows - first, 0) for region, first in cuts]),
            torch.tensor([max(region.long.rows - first, 0) for region, first in cuts]),
            torch.tensor([max(region.decided - first, 0) for region, first in cuts]),
        )
        features_BF: NDArray[np.float32] = self._front_end.functionals(descriptors).numpy()
        return features_BF


def _unheard(region: Region, window: Window) -> Samples:
    if window.region_start != region.start or len(window.audio) < region.heard:
        raise CmlstreamError(
            f"the region from {region.start}, heard for {region.heard} samples, got a window of that from "
            f"{window.region_start} with {len(window.audio)}; give each region its windows in order"
        )
    return window.audio[region.heard :]


def _padded(tables: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(tables, batch_first=True)
