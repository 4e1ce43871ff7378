"""What happens in the audio, found without I/O: regions of speech, windows that are due, levels, gaps.

How the audio is cut into chunks changes nothing, not even the order of what is reported: pushes are split at
whole seconds, where the level is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmlstream.models.segment import (
    AudioGap,
    RegionEnded,
    RegionProgress,
    RegionStarted,
    Segmenter,
    SegmenterSettings,
)
from cmlstream.models.window import RollingWindows, Window

from .meter import PERIOD_SAMPLES, Meter, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cmlstream.models.contract import Samples
    from cmlstream.models.segment import Segment

    from .sources.base import Chunk


@dataclass(frozen=True, slots=True)
class SpeechOnset:
    """A region begins at `start`; that was known at `position`."""

    start: int
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class RegionClosed:
    """A region is complete; its final window holds all of it."""

    window: Window
    forced: bool


@dataclass(frozen=True, slots=True)
class SecondHeard:
    """A second of audio, or what the end or a gap left of one: its level, and whether a region is open."""

    reading: Reading
    speaking: bool


Moment = SpeechOnset | Window | RegionClosed | SecondHeard | AudioGap


class Analysis:
    """Turns chunks of audio into moments, in the order in which they can be known."""

    def __init__(self, settings: SegmenterSettings, window_samples: int, hop_samples: int) -> None:
        self._segmenter = Segmenter(settings)
        self._windows = RollingWindows(window_samples, hop_samples)
        self._meter = Meter()
        self._speaking = False
        self._opened: int | None = None
        """Where a region began whose onset is still to be told, at the end of the frame that confirmed it."""

    @property
    def position(self) -> int:
        """Where the audio heard so far ends."""
        return self._segmenter.position

    @property
    def next_due(self) -> int | None:
        """Where the audio must have come to for the next rolling window; None while nobody speaks."""
        return self._windows.next_due

    def push(self, chunk: Chunk) -> Iterator[Moment]:
        """Yield what is known once this chunk is heard; a jump in its start ends the region and is a gap."""
        start, samples_T = chunk.start, chunk.samples_T
        if start > self.position:
            yield from self._read_meter()
            self._meter.reset(start)
            # Told at once, for no audio may follow.
            yield from self._moments(self._segmenter.push(samples_T[:0], start))
        while len(samples_T):
            length = PERIOD_SAMPLES - start % PERIOD_SAMPLES
            yield from self._push_within_second(samples_T[:length], start)
            start, samples_T = start + len(samples_T[:length]), samples_T[length:]

    def flush(self) -> Iterator[Moment]:
        """End the open region: no more audio follows."""
        yield from self._moments(self._segmenter.flush())
        yield from self._read_meter()

    def _push_within_second(self, samples_T: Samples, start: int) -> Iterator[Moment]:
        self._meter.push(samples_T)
        yield from self._moments(self._segmenter.push(samples_T, start))
        if self.position % PERIOD_SAMPLES == 0:
            yield from self._read_meter()

    def _read_meter(self) -> Iterator[SecondHeard]:
        if self._meter.samples:
            yield SecondHeard(self._meter.read(), self._speaking)

    def _moments(self, segments: Iterable[Segment]) -> Iterator[Moment]:
        for segment in segments:
            match segment:
                case AudioGap():
                    yield segment
                case RegionStarted(start):
                    self._opened, self._speaking = start, True
                case RegionProgress(position) if self._opened is not None:
                    yield SpeechOnset(self._opened, position)
                    self._opened = None
                case RegionEnded():
                    self._speaking = False
            for window in self._windows.push((segment,)):
                yield RegionClosed(window, _is_forced(segment)) if window.final else window


def _is_forced(segment: Segment) -> bool:
    return isinstance(segment, RegionEnded) and segment.forced
