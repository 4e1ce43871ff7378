"""Sessions without audio: numbered events as the pipeline publishes them, with values that move."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from cmlstream.models.contract import EMOTIONS, SAMPLE_RATE
from cmlstream.models.egemaps.names import FEATURE_NAMES
from cmlstream.stream.events import (
    Affect,
    Error,
    Gap,
    Message,
    SpeechEnded,
    SpeechStarted,
    Status,
    StreamEnded,
    StreamStarted,
    encode,
)
from cmlstream.stream.forms import Features

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cmlstream.stream.events import Event

HOP_SAMPLES = SAMPLE_RATE // 4
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
FEATURES = Features(FEATURE_NAMES, np.linspace(-1, 1, 2 * 88, dtype=np.float32).reshape(2, 88))


class SyntheticSession:
    """One session of one stream; every method returns its next message."""

    def __init__(
        self,
        stream: str = "kitchen",
        session: str = "s1",
        *,
        source: str = "a test",
        model: str = "test 1",
        session_ms: int = int(NOON.timestamp() * 1000),
        began: datetime = NOON,
    ) -> None:
        self.stream = stream
        self.session = session
        self._source = source
        self._model = model
        self._session_ms = session_ms
        self._began = began
        self._position = 0
        self._seq = 0

    def started(self) -> Message:
        return self._message(
            StreamStarted, source=self._source, sample_rate=SAMPLE_RATE, window_s=3.0, hop_ms=250
        )

    def speech_started(self) -> Message:
        return self._message(SpeechStarted)

    def affect(self) -> Message:
        return self._message(
            Affect, **self._estimate(), speech_s=3.0, baseline_s=self._position / SAMPLE_RATE
        )

    def speech_ended(self, *, short: bool = False) -> Message:
        estimate = dict.fromkeys(self._estimate()) if short else self._estimate()
        return self._message(SpeechEnded, **estimate, speech_s=0.3, baseline_s=1.0, forced=False)

    def status(self, *, speaking: bool = True) -> Message:
        level_dbfs = -30 + 15 * math.sin(self._position / SAMPLE_RATE)
        return self._message(
            Status,
            level_dbfs=level_dbfs,
            clipping=False,
            muted=False,
            speaking=speaking,
            delay_ms=12.5,
            dropped_samples=0,
            skipped_events=0,
            thinned_updates=0,
        )

    def gap(self) -> Message:
        return self._message(Gap, kind="audio")

    def error(self, message: str = "The microphone is gone.") -> Message:
        return self._message(Error, code="source", message=message)

    def ended(self) -> Message:
        return self._message(StreamEnded, reason="end of input")

    def updates(self, count: int) -> list[Message]:
        return [self.affect() for _ in range(count)]

    def conversation(self, regions: int, updates: int) -> Iterator[Message]:
        """Speech as it goes: regions of rolling updates, a status every second."""
        for _ in range(regions):
            yield self.speech_started()
            for update in range(updates):
                yield self.affect()
                if update % 4 == 3:
                    yield self.status()
            yield self.speech_ended()
            yield self.status(speaking=False)

    def _message(self, event_type: type[Event], **fields: Any) -> Message:
        start = self._position
        self._position += HOP_SAMPLES
        self._seq += 1
        event = event_type(
            stream=self.stream,
            session=self.session,
            seq=self._seq,
            start_sample=start,
            end_sample=self._position,
            start_time=self._began + timedelta(seconds=start / SAMPLE_RATE),
            end_time=self._began + timedelta(seconds=self._position / SAMPLE_RATE),
            model=self._model,
            **fields,
        )
        told = isinstance(event, Affect | SpeechEnded) and event.activation is not None
        return Message(event, encode(event), self._session_ms, FEATURES if told else None)

    def _estimate(self) -> dict[str, Any]:
        turn = self._position / SAMPLE_RATE
        weights = [1 + math.sin(turn / (2 + index) + index) for index in range(len(EMOTIONS))]
        emotion = {name: weight / sum(weights) for name, weight in zip(EMOTIONS, weights, strict=True)}
        return {
            "activation": 0.8 * math.sin(turn / 3),
            "valence": 0.6 * math.cos(turn / 5),
            "emotion": emotion,
            "embedding": tuple(math.sin(turn + index) for index in range(8)),
            "confidence": max(emotion.values()),
            "novelty": 0.5 + 0.3 * math.sin(turn / 7),
        }
