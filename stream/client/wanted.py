"""What is followed: streams, types of events, and what they carry."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.events import StreamEnded
from cmlstream.stream.selection import SelectionError, Since, parse_selection

from .cursors import Cursors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cmlstream.stream.events import Event

SINCE_CHARACTERS = 6_000
"""For cursors in a query; servers and proxies refuse lines of more than 8,192 in all.

Of sessions left out too much is sent, and what was read of them is recognised."""

ENDED = "stream.ended"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller of `follow` asks for; no streams and no types mean all."""

    streams: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    features: bool = False
    embedding: bool = True
    since: Since | None = None
    """Where to begin; None is now."""
    until_end: bool = False

    def check(self) -> None:
        """Raise ConfigurationError, with the sentence a server would answer, where nobody can send this."""
        try:
            parse_selection(urlencode(self.parameters(Cursors(self.cursors))))
        except SelectionError as error:
            raise ConfigurationError(str(error)) from None

    @property
    def cursors(self) -> Mapping[str, int]:
        """How far the caller says that each session was read."""
        return self.since.sessions if self.since else {}

    def includes(self, event: Event) -> bool:
        """Return whether the caller shall see `event`; what this follower alone is told always counts."""
        return not self.types or event.seq is None or event.__struct_config__.tag in self.types

    def position(self, cursors: Cursors, followed_from_s: float | None = None) -> Since | None:
        """Return from where on to follow; None is from now on.

        `followed_from_s` is the wall time of the first connection, where there was one before. A replay that
        was cut off may not have reached every stream, so all who asked for one ask for those again whole.
        """
        read = dict(cursors)
        if followed_from_s is None:
            return self.since and replace(self.since, sessions=read)
        if self.since is None:
            return Since(sessions=read, moment_s=followed_from_s)
        if self.since.moment_s is not None:
            return replace(self.since, sessions=read)
        return Since(0 if read else self.since.seq, read)

    def parameters(
        self, cursors: Cursors, followed_from_s: float | None = None
    ) -> tuple[tuple[str, str], ...]:
        """Return the query of /v1/events that asks for this, from the `position` on."""
        return (
            *(("stream", name) for name in self.streams),
            *(("type", name) for name in self._asked_types()),
            *((("features", "1"),) if self.features else ()),
            *(() if self.embedding else (("embedding", "0"),)),
            *(("since", cursor) for cursor in cursors_of(self.position(cursors, followed_from_s))),
        )

    def _asked_types(self) -> tuple[str, ...]:
        return (
            (*self.types, ENDED) if self.until_end and self.types and ENDED not in self.types else self.types
        )


def since_of(since: int | Mapping[str, int] | None) -> Since | None:
    """Return where to begin, as the caller of `follow` says it; an empty mapping is all there is."""
    if since is None:
        return None
    if isinstance(since, int):
        return Since(since)
    return Since(sessions=since) if since else Since(0)


def cursors_of(since: Since | None) -> list[str]:
    """Return the `since` of a query that ask for what comes after `since`, with as many sessions as fit."""
    if since is None:
        return []
    room = SINCE_CHARACTERS
    chosen: list[str] = []
    for session, seq in since.sessions.items():
        chosen.append(f"{session}:{seq}")
        room -= len("&since=") + len(chosen[-1])
        if room < 0:
            break
    if since.moment_s is not None:
        # How long ago, by the wall clock, since others stand still while a laptop sleeps.
        return [*chosen, f"{max(0.0, time.time() - since.moment_s):.6f}s"]
    if since.seq is not None or len(chosen) < len(since.sessions):
        return [*chosen, str(since.seq or 0)]
    return chosen


@dataclass(slots=True)
class Ends:
    """Watches whether every stream that is followed has ended: those named, or else all that were seen."""

    named: tuple[str, ...]
    _ended: set[str] = field(default_factory=set)
    _open: set[str] = field(default_factory=set)

    def reached_with(self, event: Event) -> bool:
        """Return whether `event` is the last one's end."""
        if not isinstance(event, StreamEnded):
            self._open.add(event.stream)
            return False
        self._ended.add(event.stream)
        self._open.discard(event.stream)
        return self._ended.issuperset(self.named) if self.named else not self._open
