"""One run of a stream: its identity, its clock, and the numbering of its events."""

from __future__ import annotations

import math
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

from cmlstream.models.contract import SAMPLE_RATE

from .events import Event, Message, Skipped, encode

if TYPE_CHECKING:
    from .forms import Features


AHEAD_S = 0.05
"""So much before its time audio may come and change nothing: one time it takes longer than another."""


class Stamp(TypedDict):
    """The fields of an event's envelope, but its type and version."""

    stream: str
    session: str
    seq: int | None
    start_sample: int
    end_sample: int
    start_time: datetime
    end_time: datetime
    model: str


class Session:
    """Stamps events with stream, number and time. Time is `anchor` plus samples / 16000, never the clock.

    The first audio is taken to be spoken as it comes. Where it had waited, as for a lost server, more
    comes at once, and only then it shows how long. So live audio that cannot have been spoken yet moves the
    anchor, and only ever to an earlier time: nothing lies in the future, but what was told before such a move
    bears a time that is too late. Live audio that comes late, or in heaps, moves nothing: it has a delay.
    """

    def __init__(self, stream: str, model: str) -> None:
        self.stream = stream
        self.model = model
        self.started_ms = _later_ms()
        self.identifier = f"{self.started_ms}-{secrets.token_hex(3)}"
        self.skipped = Skipped()
        """Counted by the sinks that its messages go to."""
        self._published = 0
        self._ahead_s = -math.inf
        self.anchor_at(0)

    def anchor_at(self, position: int) -> None:
        """Take the sample at `position` to be heard now."""
        self._heard = position
        self._anchored_s = time.monotonic() - position / SAMPLE_RATE
        self._read_clock()

    def hear(self, start: int, end: int) -> None:
        """Take note that live audio from `start` to `end` came now."""
        if start > self._heard:
            # What was lost counts as long as it lasted; but the clock may have been set, the machine asleep.
            self._read_clock()
        self._heard = end
        ahead_s = -self.delay_s(end)
        if ahead_s > AHEAD_S:
            self._anchor -= timedelta(seconds=ahead_s)
            self._anchored_s -= ahead_s
            self._ahead_s = time.monotonic()

    def _read_clock(self) -> None:
        self._anchor = datetime.now(UTC) - timedelta(seconds=time.monotonic() - self._anchored_s)

    @property
    def calm_s(self) -> float:
        """For how long now no audio came faster than it can be spoken."""
        return time.monotonic() - self._ahead_s

    @property
    def published(self) -> int:
        """How many events have left: the number of the last one."""
        return self._published

    def time(self, position: int) -> datetime:
        """Return the wall time at which the sample at `position` was heard."""
        return self._anchor + timedelta(seconds=position / SAMPLE_RATE)

    def delay_s(self, position: int) -> float:
        """Return how long ago the sample at `position` was heard; a clock that is set does not change it."""
        return time.monotonic() - self._anchored_s - position / SAMPLE_RATE

    def stamp(self, start: int, end: int) -> Stamp:
        """Return the envelope of the next event, which speaks of the audio from `start` to `end`."""
        return Stamp(
            stream=self.stream,
            session=self.identifier,
            seq=self._published + 1,
            start_sample=start,
            end_sample=end,
            start_time=self.time(start),
            end_time=self.time(end),
            model=self.model,
        )

    def seal(self, event: Event, features: Features | None = None) -> Message:
        """Count the event as published and encode it, once for all sinks."""
        if event.seq != self._published + 1:
            raise AssertionError(f"event {event.seq} leaves after event {self._published}")
        self._published += 1
        return Message(event, encode(event), self.started_ms, features, self.skipped)


_latest_ms = 0


def _later_ms() -> int:
    """Return the time in ms, later than at every call before, though the clock be set back meanwhile.

    Redis takes no entry with an identifier before the newest, and identifiers begin with this.
    """
    global _latest_ms
    _latest_ms = max(int(time.time() * 1000), _latest_ms + 1)
    return _latest_ms
