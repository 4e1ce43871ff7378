"""The audio that one sender of `/v1/ingest` pushes: decoded, converted and held until it is heard.

Nothing here waits, so the connection can hand over each message as it arrives. When too much is held the
sender's socket is paused. Of what was skipped, and who speaks, only the last is held until audio follows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from cmlstream.models.contract import SAMPLE_RATE

from .base import Chunk, NewSpeaker, Source
from .convert import Converter
from .encoding import decode_frames, sample_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from cmlstream.models.contract import Samples
    from cmlstream.stream.events import Ending
    from cmlstream.stream.ingest import Hello

FULL_SAMPLES = 2 * SAMPLE_RATE
"""Held audio from which on the sender has to wait."""
FULL_PIECES = 1_000
"""The same in pieces: of one sample each, two seconds would take megabytes."""

GATHER_S = 0.1
"""How long audio waits for more where many streams are live: what it costs to hear a message is paid once.
Audio that a rolling window waits for does not."""


class IngestSource(Source):
    """What a sender pushed, in order; outlives the connection that brings it.

    Whoever pushes looks at `full` and calls nothing more until `when_room` was called back. What is pushed in
    one message is taken whole; what comes after the end is not taken.
    """

    def __init__(self, hello: Hello, is_crowded: Callable[[], bool] = lambda: False) -> None:
        self.description = f"sender of {hello.format} at {hello.rate} Hz"
        self.paced = hello.live
        self.continues = hello.session
        self.frames = 0
        """Frames taken or skipped so far, at the sender's rate."""
        self._hello = hello
        self._is_crowded = is_crowded
        self._converter = Converter(hello.rate, hello.channels, hello.channel)
        self._frame_bytes = hello.channels * sample_bytes(hello.format)
        self._rest = b""
        self._end = 0
        self._held_samples = 0
        self._held: deque[Chunk | NewSpeaker] = deque()
        self._ended = False
        self._arrived = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._when_room: Callable[[], None] | None = None

    @property
    def full(self) -> bool:
        """Whether the sender has to wait."""
        return self._held_samples >= FULL_SAMPLES or len(self._held) >= FULL_PIECES

    @property
    def ended(self) -> bool:
        """Whether no more audio is taken."""
        return self._ended

    def seconds_with(self, frames: int) -> float:
        """Return how long the stream would be with so many more frames."""
        return (self.frames + frames) / self._hello.rate

    def when_room(self, call: Callable[[], None] | None) -> None:
        """Have `call` called, each time there is room again; None for nobody."""
        self._when_room = call

    def push(self, message: bytes) -> None:
        """Take audio; a frame that is cut in two waits for its other half."""
        if self._ended:
            return
        if self._rest:
            message = self._rest + message
        frames, left_over = divmod(len(message), self._frame_bytes)
        self._rest = message[len(message) - left_over :]
        if frames:
            self.frames += frames
            frames_TC = decode_frames(message, self._hello.format, frames, self._hello.channels)
            self._hold(self._converter.push(frames_TC))

    def cut_off(self) -> None:
        """Forget half a frame: its sender is gone and will send all of it again."""
        self._rest = b""

    def skip(self, frames: int) -> None:
        """Take note that audio is missing here."""
        if self._ended:
            return
        self.cut_off()
        self._hold(self._converter.flush())
        self.frames += frames
        lost_samples = max(0, self.frames * SAMPLE_RATE // self._hello.rate - self._end)
        self._end += lost_samples
        self.dropped_samples += lost_samples
        speaker_changed = self._speaker_changed
        if speaker_changed:
            self._held.pop()
        if self._held and isinstance(self._held[-1], Chunk) and not len(self._held[-1].samples_T):
            self._held.pop()
        self._put(Chunk(np.zeros(0, np.int16), self._end))
        if speaker_changed:
            self._put(NewSpeaker())

    def change_speaker(self) -> None:
        """Take note that someone else speaks from here on."""
        if not self._ended and not self._speaker_changed:
            self._put(NewSpeaker())

    def finish(self, ending: Ending) -> None:
        """Take no more audio, and end after what is held; only the first call counts."""
        if not self._ended:
            self.ending = ending
            self._hold(self._converter.flush())
            self._ended = True
            self._wake()

    async def chunks(self) -> AsyncGenerator[Chunk | NewSpeaker, None]:
        """Yield what was pushed, neighbours as one, as soon as it is there."""
        while True:
            while self._held:
                was_full = self.full
                heard = self._take()
                if was_full and not self.full and self._when_room is not None:
                    self._when_room()
                yield heard
            if self._ended:
                return
            self._arrived.clear()
            await self._arrived.wait()

    @property
    def _speaker_changed(self) -> bool:
        """Whether nothing came since someone else began to speak."""
        return bool(self._held) and isinstance(self._held[-1], NewSpeaker)

    def _hold(self, samples_T: Samples) -> None:
        if len(samples_T):
            chunk = Chunk(samples_T, self._end)
            self._end += len(samples_T)
            self._held_samples += len(samples_T)
            self._put(chunk)

    def _put(self, heard: Chunk | NewSpeaker) -> None:
        self._held.append(heard)
        self._wake()

    def _wake(self) -> None:
        if self._ended or self.full or (self.awaited is not None and self._end >= self.awaited):
            self._ring()
        elif self._gathering is not None or self._arrived.is_set():
            return
        elif self._is_crowded():
            self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._ring)
        else:
            self._ring()

    def _ring(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._arrived.set()

    def _take(self) -> Chunk | NewSpeaker:
        first = self._held.popleft()
        if isinstance(first, NewSpeaker):
            return first
        pieces = [first.samples_T]
        end = first.start + len(first.samples_T)
        while self._held and isinstance(self._held[0], Chunk) and self._held[0].start == end:
            following = self._held.popleft()
            assert isinstance(following, Chunk)
            pieces.append(following.samples_T)
            end += len(following.samples_T)
        self._held_samples -= end - first.start
        return first if len(pieces) == 1 else Chunk(np.concatenate(pieces), first.start)
