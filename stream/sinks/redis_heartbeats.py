"""Which streams are to be entered in the registry, and when that was last done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HEARTBEAT_S = 5.0
"""How often a stream is entered anew in the registry while it has events."""


class Heartbeats:
    """Remembers every stream that had events until its entry is confirmed."""

    def __init__(self) -> None:
        self._confirmed_s: dict[str, float] = {}
        self.due: set[str] = set()
        """The streams to be entered next."""

    def demand(self, streams: Iterable[str]) -> None:
        """Take note that these have events now."""
        now_s = time.monotonic()
        self.due.update(
            stream for stream in streams if now_s - self._confirmed_s.get(stream, -HEARTBEAT_S) >= HEARTBEAT_S
        )

    def confirm(self, streams: Iterable[str]) -> None:
        """Take note that these have been entered."""
        now_s = time.monotonic()
        self._confirmed_s = {
            stream: at_s for stream, at_s in self._confirmed_s.items() if now_s - at_s < HEARTBEAT_S
        }
        self._confirmed_s.update(dict.fromkeys(streams, now_s))
        self.due.difference_update(streams)
