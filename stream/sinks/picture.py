"""What is known of one stream: the newest of everything that its events tell, for whoever draws it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cmlstream.stream.events import (
    Affect,
    Gap,
    SpeechEnded,
    SpeechStarted,
    Status,
    StreamEnded,
    StreamStarted,
)

if TYPE_CHECKING:
    from cmlstream.stream.events import Event

COURSE_LENGTH = 40


@dataclass(slots=True)
class Picture:
    """Changed by events, read by the drawing thread."""

    source: str = ""
    level_dbfs: float = -120.0
    clipping: bool = False
    muted: bool = False
    speaking: bool = False
    ended: bool = False
    delay_ms: float | None = None
    dropped_samples: int = 0
    skipped_events: int = 0
    thinned_updates: int = 0
    gaps: int = 0
    latest: Affect | SpeechEnded | None = None
    activation: deque[float] = field(default_factory=lambda: deque(maxlen=COURSE_LENGTH))
    valence: deque[float] = field(default_factory=lambda: deque(maxlen=COURSE_LENGTH))

    def show(self, event: Event) -> None:
        """Take over what an event tells."""
        match event:
            case StreamStarted():
                self.source = event.source
                self.ended = False
            case SpeechStarted():
                self.speaking = True
            case SpeechEnded():
                self.speaking = False
                if event.activation is not None:
                    self.latest = event
            case Affect():
                self.latest = event
                self.activation.append(event.activation)
                self.valence.append(event.valence)
            case Status():
                self._show_status(event)
            case Gap():
                self.gaps += 1
            case StreamEnded():
                self.speaking = False
                self.ended = True
            case _:
                pass

    def _show_status(self, status: Status) -> None:
        self.level_dbfs, self.clipping, self.muted = status.level_dbfs, status.clipping, status.muted
        self.speaking, self.delay_ms = status.speaking, status.delay_ms
        self.dropped_samples = status.dropped_samples
        self.skipped_events = status.skipped_events
        self.thinned_updates = status.thinned_updates

    @property
    def likeliest(self) -> tuple[str, float] | None:
        """The likeliest emotion of the latest estimate, and its probability."""
        emotion = self.latest.emotion if self.latest else None
        return max(emotion.items(), key=lambda one: one[1]) if emotion else None
