"""Voice activity: a stream of 16 kHz audio in, regions of speech out; pure and synchronous.

webrtcvad and an energy gate judge one frame at a time, on a grid anchored where the stream starts. Enough
votes raise a candidate, enough speech opens a region. Audio after the last speech frame is held back: it
joins the region when speech resumes and is dropped when the hangover has passed.

Array names carry their shape: T samples.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np
import webrtcvad

from .contract import SAMPLE_RATE, Samples
from .energy import EnergyGate, EnergyGateSettings, require_range
from .errors import CmlstreamError, ConfigurationError
from .frames import FrameGrid

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAME_CHOICES_MS = (10, 20, 30)
"""The frame lengths that webrtcvad knows."""


class SegmenterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a region opens and when it ends.

    Durations count in whole frames: the maximum is rounded down to them, all others up.

    Raises:
        ConfigurationError: if a value is out of range or does not fit another.

    """

    frame_ms: int = 20
    aggressiveness: int = 2
    """webrtcvad's mode: 0 hears speech everywhere, 3 seldom."""

    onset_votes: int = 6
    """So many of the last `onset_frames` must be speech to raise a candidate."""

    onset_frames: int = 10
    hangover_ms: int = 400
    """This long without speech ends a region."""

    minimum_speech_ms: int = 250
    """A candidate opens a region when it holds this much speech."""

    maximum_region_s: float = 20.0
    """Longer regions are split; the next one begins at the very sample where this one ends."""

    pre_roll_ms: int = 200
    """Audio before the onset that enters the region, as far as there is any."""

    gate: EnergyGateSettings = EnergyGateSettings()

    def __post_init__(self) -> None:
        """Check every value, whether it came from code or from a file."""
        if self.frame_ms not in FRAME_CHOICES_MS:
            raise ConfigurationError(f"voice activity: frame_ms is {self.frame_ms}; choose 10, 20 or 30")
        require_range("aggressiveness", self.aggressiveness, 0, 3)
        require_range("onset_frames", self.onset_frames, 1, 100)
        require_range("onset_votes", self.onset_votes, 1, self.onset_frames)
        require_range("hangover_ms", self.hangover_ms, self.frame_ms, 5_000)
        require_range("minimum_speech_ms", self.minimum_speech_ms, self.frame_ms, 5_000)
        require_range("maximum_region_s", self.maximum_region_s, 1, 60)
        require_range("pre_roll_ms", self.pre_roll_ms, 0, 1_000)
        # Or votes from before a pause that ends regions would open one.
        require_range("onset_frames * frame_ms", self.onset_frames * self.frame_ms, 0, self.hangover_ms)

    @property
    def frame_samples(self) -> int:
        """Length of a frame."""
        return self.frame_ms * SAMPLE_RATE // 1000

    @property
    def maximum_region_samples(self) -> int:
        """The longest region, in whole frames."""
        return int(self.maximum_region_s * SAMPLE_RATE) // self.frame_samples * self.frame_samples

    def whole_frames(self, duration_ms: int) -> int:
        """Return the samples in `duration_ms`, rounded up to whole frames."""
        return -(-duration_ms // self.frame_ms) * self.frame_samples


@dataclass(frozen=True, slots=True)
class RegionStarted:
    """Speech was confirmed; the region begins at `start`, pre-roll included."""

    start: int


@dataclass(frozen=True, slots=True, eq=False)
class RegionAudio:
    """One frame of the open region, in order and without holes; `speech` is the verdict on this frame."""

    start: int
    samples: Samples
    speech: bool


@dataclass(frozen=True, slots=True)
class RegionProgress:
    """The audio before `position` has been judged and the region is still open; one per frame."""

    position: int


@dataclass(frozen=True, slots=True)
class RegionEnded:
    """The region [`start`, `end`) is complete.

    `forced` says that it was split at the maximum length and the next region starts at `end`.
    """

    start: int
    end: int
    speech_samples: int
    forced: bool


@dataclass(frozen=True, slots=True)
class AudioGap:
    """The audio of [`start`, `end`) never came."""

    start: int
    end: int


Segment: TypeAlias = RegionStarted | RegionAudio | RegionProgress | RegionEnded | AudioGap


class _Judge:
    """Speech or not, frame by frame; remembers what it heard, so every unbroken stretch needs its own."""

    def __init__(self, settings: SegmenterSettings) -> None:
        self._vad = webrtcvad.Vad(settings.aggressiveness)
        self._gate = EnergyGate(settings.gate, settings.frame_samples)

    def is_speech(self, frame_T: Samples) -> bool:
        # Both must hear every frame: each keeps a noise estimate of its own.
        loud = self._gate.passes(frame_T)
        return bool(self._vad.is_speech(frame_T.tobytes(), SAMPLE_RATE)) and loud


@dataclass(slots=True)
class _OpenRegion:
    start: int
    end: int
    speech_samples: int = 0

    def add(self, piece: RegionAudio) -> None:
        self.end += len(piece.samples)
        self.speech_samples += len(piece.samples) if piece.speech else 0

    def ended(self, *, forced: bool) -> RegionEnded:
        return RegionEnded(self.start, self.end, self.speech_samples, forced)


class Segmenter:
    """Turns audio into regions of speech; how it is cut into pushes changes nothing.

    Decisions lag the audio by less than one frame, apart from the confirmation that the settings ask for.
    """

    def __init__(self, settings: SegmenterSettings | None = None) -> None:
        self._settings = settings or SegmenterSettings()
        self._hangover_samples = self._settings.whole_frames(self._settings.hangover_ms)
        self._minimum_samples = self._settings.whole_frames(self._settings.minimum_speech_ms)
        self._pre_roll_samples = self._settings.whole_frames(self._settings.pre_roll_ms)
        self._vote_samples = self._settings.onset_frames * self._settings.frame_samples
        self.reset()

    @property
    def position(self) -> int:
        """Where the next push is expected to start."""
        return self._judged + self._frames.carried

    def reset(self, position: int = 0) -> None:
        """Forget everything, the open region included, and expect audio from `position` on."""
        self._judge = _Judge(self._settings)
        self._frames = FrameGrid(self._settings.frame_samples)
        self._judged = position
        self._held: deque[RegionAudio] = deque()
        self._onset: int | None = None
        self._region: _OpenRegion | None = None
        self._silence_samples = 0

    def push(self, samples_T: Samples, start: int) -> list[Segment]:
        """Take the audio that begins at sample `start` of the stream and tell what it decided.

        A `start` beyond `position` means lost audio: the open region ends, the gap is reported, and a fresh
        frame grid and fresh noise estimates begin.

        Raises:
            CmlstreamError: if the audio is not a vector of int16 or overlaps what was pushed before.

        """
        if samples_T.dtype != np.int16 or samples_T.ndim != 1:
            raise CmlstreamError(
                f"the segmenter got {samples_T.dtype} of shape {samples_T.shape}; push one channel of int16"
            )
        if start < self.position:
            raise CmlstreamError(
                f"the segmenter got audio from {start} but has heard up to {self.position}; push in order"
            )
        segments: list[Segment] = []
        if start > self.position:
            segments = [*self.flush(), AudioGap(self.position, start)]
            self.reset(start)
        for frame_T in self._frames.push(samples_T):
            segments.extend(self._advance(frame_T))
        return segments

    def flush(self) -> list[Segment]:
        """End the open region at its last speech frame; whatever is pushed next begins afresh."""
        ended: list[Segment] = [self._region.ended(forced=False)] if self._region else []
        self.reset(self.position)
        return ended

    def _advance(self, frame_T: Samples) -> Iterator[Segment]:
        piece = RegionAudio(self._judged, frame_T, self._judge.is_speech(frame_T))
        self._judged += len(frame_T)
        self._silence_samples = 0 if piece.speech else self._silence_samples + len(frame_T)
        self._held.append(piece)
        if self._region is None:
            yield from self._await_speech(piece)
        else:
            yield from self._follow_region(piece, self._region)
        if self._region is not None:
            yield RegionProgress(self._judged)

    def _await_speech(self, piece: RegionAudio) -> Iterator[Segment]:
        if self._silence_samples >= self._hangover_samples:
            self._onset = None
        if self._onset is None and piece.speech:
            self._onset = self._vote()
        self._trim()
        if self._onset is not None and self._speech_since(self._onset) >= self._minimum_samples:
            self._onset = None
            start = self._held[0].start
            yield RegionStarted(start)
            yield from self._release(_OpenRegion(start, start))

    def _vote(self) -> int | None:
        """Where speech began, if enough of the latest frames are speech."""
        latest = islice(reversed(self._held), self._settings.onset_frames)
        starts = [piece.start for piece in latest if piece.speech]
        return starts[-1] if len(starts) >= self._settings.onset_votes else None

    def _speech_since(self, onset: int) -> int:
        return sum(len(piece.samples) for piece in self._held if piece.speech and piece.start >= onset)

    def _trim(self) -> None:
        """Let go of what can no longer become pre-roll."""
        earliest = self._judged - self._vote_samples if self._onset is None else self._onset
        while self._held and self._held[0].start < earliest - self._pre_roll_samples:
            self._held.popleft()

    def _follow_region(self, piece: RegionAudio, region: _OpenRegion) -> Iterator[Segment]:
        if piece.speech:
            yield from self._release(region)
        elif self._silence_samples >= self._hangover_samples:
            self._region = None
            yield region.ended(forced=False)

    def _release(self, region: _OpenRegion) -> Iterator[Segment]:
        """Let the held frames, of which the last is speech, into the region; split it where it is full."""
        for piece in self._held:
            if piece.start - region.start >= self._settings.maximum_region_samples:
                yield region.ended(forced=True)
                yield RegionStarted(piece.start)
                region = _OpenRegion(piece.start, piece.start)
            region.add(piece)
            yield piece
        self._held.clear()
        self._region = region
