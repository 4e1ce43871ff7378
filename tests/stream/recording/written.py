"""Recordings written by hand, of sessions that began when a test says."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from cmlstream.stream.events import Message, encode
from cmlstream.stream.recording.place import Place
from tests.stream.synthetic import NOON, SyntheticSession

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class LaterSession(SyntheticSession):
    """A session that began some seconds after noon, and says so in its name."""

    def __init__(self, start_s: float, stream: str) -> None:
        self._start = timedelta(seconds=start_s)
        super().__init__(stream, f"{int((NOON + self._start).timestamp() * 1000)}-abc123")

    def _message(self, event_type: type[Any], **fields: Any) -> Message:
        message = super()._message(event_type, **fields)
        event = msgspec.structs.replace(
            message.event,
            start_time=message.event.start_time + self._start,
            end_time=message.event.end_time + self._start,
        )
        return Message(event, encode(event), message.session_ms)


def session_at(start_s: float, stream: str = "desk") -> LaterSession:
    return LaterSession(start_s, stream)


def write(root: Path, messages: Iterable[Message]) -> Path:
    """Write one session's events as the recorder does; return their file."""
    told = list(messages)
    path = Place.of(root, told[0].event.stream, told[0].event.session).events
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(message.payload + b"\n" for message in told))
    return path
