"""Where events lie in Redis: the names of keys, and the identifiers of entries.

The braces in a key are literal: Redis Cluster hashes only what they enclose, so a stream stays on one shard.

    cmlstream:{ID}:events  stream; field `event` holds the JSON, identifiers are <session start in ms>-<seq>
    cmlstream:{ID}:live    channel; the same JSON, published as it is added
    cmlstream:{ID}:latest  the newest estimate (`affect`, or `speech.ended` with values); gone once stale
    cmlstream:streams      sorted set of stream names by the wall time, in seconds, of their newest events
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REGISTRY_KEY = "cmlstream:streams"
EVENT_FIELD = "event"
_SESSION = re.compile(r"([0-9]{1,15})-[0-9a-f]+")


def stream_keys(stream: str) -> tuple[str, str, str]:
    """Return the keys of a stream: its events, its live channel, its latest estimate."""
    base = f"cmlstream:{{{stream}}}"
    return f"{base}:events", f"{base}:live", f"{base}:latest"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where an event lies in its stream's log; positions grow with every event, from session to session."""

    session_ms: int
    """Wall time of the session's start in ms."""

    seq: int

    @classmethod
    def parse(cls, identifier: bytes) -> Position:
        """Return what an entry's identifier says."""
        session_ms, _, seq = identifier.partition(b"-")
        return cls(int(session_ms), int(seq))

    def __str__(self) -> str:
        """Return the identifier of the entry."""
        return f"{self.session_ms}-{self.seq}"


def started_ms(session: str) -> int | None:
    """Return when a session began, which its name tells, or None where the name is not one of ours."""
    found = _SESSION.fullmatch(session)
    return int(found[1]) if found else None
