"""What a sender has pushed and the server has not yet acknowledged: bounded, in order, and never copied.

Positions are frames (one sample of every channel) since the sender began; what they are in a session of the
server is the link's business. Synchronous and pure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from cmlstream.stream.ingest import NewSpeaker, Skip

Payload = bytes | memoryview
PIECE_BYTES = 200
"""What Python needs to hold a piece, besides its audio: pieces of one sample must not fill the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One message to the server: audio, or that some is missing, or that someone else speaks."""

    start: int
    frames: int
    message: Payload | Skip | NewSpeaker
    pushed_s: float
    """On the clock of whoever pushes."""

    @property
    def end(self) -> int:
        """The position after it."""
        return self.start + self.frames

    @property
    def is_audio(self) -> bool:
        """Whether there is anything to hear in it."""
        return not isinstance(self.message, Skip | NewSpeaker)

    @property
    def held_bytes(self) -> int:
        """What it takes of the room for audio."""
        return 0 if isinstance(self.message, Skip | NewSpeaker) else PIECE_BYTES + len(self.message)


class Outbox:
    """Holds at most `limit_bytes`, or a single piece that is larger.

    Pieces are taken in order, kept until they are acknowledged, and after `resume` taken again. Where one is
    pushed without room for it, the oldest go and the server is told to skip them.
    """

    def __init__(self, frame_bytes: int, limit_bytes: int) -> None:
        self.start = 0
        """Everything before has been acknowledged."""
        self.end = 0
        self.held_bytes = 0
        self.skipped_frames = 0
        """What the server has been told it will not get."""
        self._frame_bytes = frame_bytes
        self._limit_bytes = limit_bytes
        self._taken: deque[Piece] = deque()
        self._waiting: deque[Piece] = deque()
        self._told_until = 0

    def has_room(self, size: int) -> bool:
        """Whether a piece of `size` bytes costs none that are held."""
        return self.held_bytes == 0 or self.held_bytes + PIECE_BYTES + size <= self._limit_bytes

    def push(self, audio: Payload, now_s: float) -> None:
        """Append whole frames, at the cost of the oldest where there is no room."""
        while not self.has_room(len(audio)):
            self._drop_oldest()
        piece = Piece(self.end, len(audio) // self._frame_bytes, audio, now_s)
        self._waiting.append(piece)
        self.end = piece.end
        self.held_bytes += piece.held_bytes

    def skip(self, frames: int, now_s: float) -> None:
        """Append that so many frames are missing."""
        self._append_silent(Piece(self.end, frames, Skip(samples=frames), now_s))

    def new_speaker(self, now_s: float) -> None:
        """Append that someone else speaks from here on."""
        self._append_silent(Piece(self.end, 0, NewSpeaker(), now_s))

    def take(self) -> Piece | None:
        """Return the next message to the server, or None where all have been taken."""
        if not self._waiting:
            return None
        piece = self._waiting.popleft()
        self._taken.append(piece)
        if isinstance(piece.message, Skip):
            # What a lost link makes the sender say twice counts once.
            self.skipped_frames += max(0, piece.end - max(piece.start, self._told_until))
            self._told_until = max(self._told_until, piece.end)
        return piece

    def acknowledge(self, position: int) -> Piece | None:
        """Let go of what lies before `position`; return the last audio among it.

        What has no length is let go once something behind it is acknowledged.
        """
        self.start = max(self.start, min(position, self.end))
        return self._let_go(self._taken, position)

    def resume(self, position: int) -> None:
        """Begin to take again at `position`: what lies before is acknowledged, what is gone is skipped."""
        self._waiting.extendleft(reversed(self._taken))
        self._taken.clear()
        self._let_go(self._waiting, position)
        self.start = min(position, self.end)
        if self._waiting and self._waiting[0].start < position:
            self._cut(position)
        first = self._waiting[0].start if self._waiting else self.end
        if first > position:
            self._waiting.appendleft(_skip(position, first, 0.0))

    def _append_silent(self, piece: Piece) -> None:
        run = [piece]
        while self._waiting and not self._waiting[-1].is_audio:
            run.append(self._waiting.pop())
        self._waiting.extend(_merged(run[::-1]))
        self.end = piece.end

    def _let_go(self, pieces: deque[Piece], position: int) -> Piece | None:
        newest = None
        while pieces and pieces[0].start < position and pieces[0].end <= position:
            piece = pieces.popleft()
            self.held_bytes -= piece.held_bytes
            newest = piece if piece.is_audio else newest
        return newest

    def _cut(self, position: int) -> None:
        """Leave out of the first piece what lies before `position`."""
        piece = self._waiting.popleft()
        rest = piece.end - position
        match piece.message:
            case Skip():
                cut = _skip(position, piece.end, piece.pushed_s)
            case NewSpeaker():
                raise AssertionError("what has no length cannot be cut")
            case audio:
                cut = Piece(position, rest, memoryview(audio)[-rest * self._frame_bytes :], piece.pushed_s)
        self._waiting.appendleft(cut)
        self.held_bytes += cut.held_bytes - piece.held_bytes

    def _drop_oldest(self) -> None:
        """Put a skip in the place of the oldest audio."""
        pieces = self._taken if any(piece.is_audio for piece in self._taken) else self._waiting
        gone = [pieces.popleft()]
        while not gone[-1].is_audio:
            gone.append(pieces.popleft())
        self.held_bytes -= gone[-1].held_bytes
        pieces.extendleft(reversed(_merged(gone)))


def _skip(start: int, end: int, pushed_s: float) -> Piece:
    return Piece(start, end - start, Skip(samples=end - start), pushed_s)


def _merged(silent: list[Piece]) -> list[Piece]:
    """Return one skip over all pieces, and who spoke last in them, if anyone new, as who speaks next."""
    start, end, pushed_s = silent[0].start, silent[-1].end, silent[-1].pushed_s
    speakers = [piece for piece in silent if isinstance(piece.message, NewSpeaker)]
    return [
        *([_skip(start, end, pushed_s)] if end > start else []),
        *([Piece(end, 0, NewSpeaker(), pushed_s)] if speakers else []),
    ]
