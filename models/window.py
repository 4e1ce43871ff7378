"""Rolling windows of a region of speech, and the whole region when it ends; pure and synchronous.

Array names carry their shape: T samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .contract import SAMPLE_RATE, Samples
from .errors import CmlstreamError, ConfigurationError
from .segment import (
    RegionAudio,
    RegionEnded,
    RegionProgress,
    RegionStarted,
    Segment,
    Segmenter,
    SegmenterSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

FIRST_CAPACITY_SAMPLES = 2 * SAMPLE_RATE


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The samples [`start`, `end`) of the region that begins at `region_start`.

    `due` is the grid point that called for it, the region's end where it is `final`, that is, the whole
    region. `speech_samples` counts the frames judged speech. `audio` is all of the region up to `end`:
    read-only and never changed, so it may cross to another thread as it is.
    """

    region_start: int
    start: int
    end: int
    due: int
    audio: Samples
    final: bool
    speech_samples: int

    @property
    def samples(self) -> Samples:
        """The window's own samples."""
        return self.audio[self.start - self.region_start :]


class _RegionAudio:
    """The audio of one region in arrays that only ever grow at their end.

    What was appended is never written again and no region inherits another's arrays, so windows are views of
    them. Doubling copies each sample less than twice in all, and a short region pins little memory.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.shown = start
        """Where the latest rolling window ended."""

        self.due = start
        """The latest grid point that came due."""

        self._samples_T: Samples = np.empty(FIRST_CAPACITY_SAMPLES, np.int16)
        self._speech_T: NDArray[np.bool_] = np.empty(FIRST_CAPACITY_SAMPLES, np.bool_)

    def append(self, piece: RegionAudio) -> None:
        if piece.start != self.end:
            raise CmlstreamError(
                f"the region goes on at {self.end} but got audio from {piece.start}; pass on every segment"
            )
        length, grown = self.end - self.start, piece.start + len(piece.samples) - self.start
        while grown > len(self._samples_T):
            self._samples_T = np.concatenate((self._samples_T, np.empty_like(self._samples_T)))
            self._speech_T = np.concatenate((self._speech_T, np.empty_like(self._speech_T)))
        self._samples_T[length:grown] = piece.samples
        self._speech_T[length:grown] = piece.speech
        self.end += len(piece.samples)

    def window(self, start: int, end: int, *, due: int, final: bool) -> Window:
        audio_T = self._samples_T[: end - self.start]
        audio_T.flags.writeable = False
        speech_samples = int(np.count_nonzero(self._speech_T[start - self.start : end - self.start]))
        return Window(self.start, start, end, due, audio_T, final, speech_samples)


class RollingWindows:
    """Cuts every region into windows on a grid of `hop_samples` anchored at the region's start.

    At a grid point, as soon as the segmenter has judged the audio up to it, one window is due: the last
    `window_samples` of the region's confirmed audio before that point. It needs `minimum_samples` of
    confirmed audio, and audio that the previous window did not have: in a pause there is none. So a window is
    always a slice of the final region. Grid points that fall due together (a hop shorter than a frame, a
    region that opens late) give one window, for the latest of them. After its windows comes the whole region.

    Raises:
        ConfigurationError: if a length is not positive.

    """

    def __init__(self, window_samples: int, hop_samples: int, minimum_samples: int = SAMPLE_RATE) -> None:
        for name, value in (("window", window_samples), ("hop", hop_samples), ("minimum", minimum_samples)):
            if value < 1:
                raise ConfigurationError(
                    f"the {name} of rolling windows is {value} samples; it must be positive"
                )
        self._window_samples = window_samples
        self._hop_samples = hop_samples
        self._minimum_samples = minimum_samples
        self._region: _RegionAudio | None = None

    @property
    def next_due(self) -> int | None:
        """The grid point of the open region where a window can be due next; None while none is open."""
        region = self._region
        if region is None:
            return None
        first = -(-self._minimum_samples // self._hop_samples) * self._hop_samples
        return max(region.due + self._hop_samples, region.start + first)

    def reset(self) -> None:
        """Forget the open region."""
        self._region = None

    def push(self, segments: Iterable[Segment]) -> list[Window]:
        """Take what the segmenter told, in order, and return the windows that became due.

        Raises:
            CmlstreamError: if segments of the region are missing or out of order.

        """
        return [window for segment in segments for window in self._take(segment)]

    def _take(self, segment: Segment) -> Iterator[Window]:
        match segment:
            case RegionStarted(start):
                self._region = _RegionAudio(start)
            case RegionAudio():
                self._open_region(segment).append(segment)
            case RegionProgress(position):
                yield from self._roll(self._open_region(segment), position)
            case RegionEnded():
                region = self._open_region(segment)
                self._region = None
                yield region.window(region.start, region.end, due=region.end, final=True)

    def _open_region(self, segment: Segment) -> _RegionAudio:
        if self._region is None:
            raise CmlstreamError(f"no region is open for {type(segment).__name__}; pass on every segment")
        return self._region

    def _roll(self, region: _RegionAudio, position: int) -> Iterator[Window]:
        due = position - (position - region.start) % self._hop_samples
        end = min(region.end, due)
        awaited = due > region.due and end > region.shown and end - region.start >= self._minimum_samples
        region.due = due
        if awaited:
            region.shown = end
            start = max(region.start, end - self._window_samples)
            yield region.window(start, end, due=due, final=False)


def cut(samples_T: Samples, settings: SegmenterSettings | None = None) -> list[Window]:
    """Cut a whole recording into its regions: the final windows that a live stream of it would give.

    Raises:
        CmlstreamError: if `samples_T` is not a vector of int16.

    """
    segmenter, windows = Segmenter(settings), RollingWindows(SAMPLE_RATE, SAMPLE_RATE)
    segments = segmenter.push(samples_T, 0) + segmenter.flush()
    return [window for window in windows.push(segments) if window.final]
