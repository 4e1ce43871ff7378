"""One run of a stream: its identity, its clock, and the numbering of its events."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from cmlstream.models.contract import SAMPLE_RATE

from .events import Event, Message, encode


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
    """Stamps events with stream, number and time. Time is `anchor` plus samples / 16000, never the clock."""

    def __init__(self, stream: str, model: str, anchor: datetime) -> None:
        self.stream = stream
        self.model = model
        self.anchor = anchor.astimezone(UTC)
        self.started_ms = int(self.anchor.timestamp() * 1000)
        self.identifier = f"{self.started_ms}-{secrets.token_hex(3)}"
        self._published = 0

    def time(self, position: int) -> datetime:
        """Return the wall time at which the sample at `position` was heard."""
        return self.anchor + timedelta(seconds=position / SAMPLE_RATE)

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

    def seal(self, event: Event) -> Message:
        """Count the event as published and encode it, once for all sinks."""
        if event.seq != self._published + 1:
            raise AssertionError(f"event {event.seq} leaves after event {self._published}")
        self._published += 1
        return Message(event, encode(event), self.started_ms)
