"""What is followed: streams, types of events, and what they carry."""

from __future__ import annotations

from dataclasses import dataclass, field
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

Sessions left out are sent from their beginning, and what was read of them is recognised."""

ENDED = "stream.ended"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller of `follow` asks for; no streams and no types mean all."""

    streams: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    features: bool = False
    embedding: bool = True
    since: int | Mapping[str, int] | None = None
    until_end: bool = False

    def check(self) -> None:
        """Raise ConfigurationError, with the sentence a server would answer, where nobody can send this."""
        try:
            parse_selection(urlencode(self.parameters(Cursors(self.cursors), returning=False)))
        except SelectionError as error:
            raise ConfigurationError(str(error)) from None

    @property
    def cursors(self) -> Mapping[str, int]:
        """How far the caller says that each session was read."""
        return {} if self.since is None or isinstance(self.since, int) else self.since

    def includes(self, event: Event) -> bool:
        """Return whether the caller shall see `event`; what this follower alone is told always counts."""
        return not self.types or event.seq is None or event.__struct_config__.tag in self.types

    def position(self, cursors: Cursors, *, returning: bool) -> Since | None:
        """Return from where on to follow; None is from now on.

        `returning` says that there was a connection before. Sessions of which nothing was read by then are
        wanted whole: some may have begun meanwhile.
        """
        if len(cursors):
            return Since(sessions=dict(cursors))
        if isinstance(self.since, int):
            return Since(self.since)
        return None if self.since is None and not returning else Since()

    def parameters(self, cursors: Cursors, *, returning: bool) -> tuple[tuple[str, str], ...]:
        """Return the query of /v1/events that asks for this, from the `position` on."""
        return (
            *(("stream", name) for name in self.streams),
            *(("type", name) for name in self._asked_types()),
            *((("features", "1"),) if self.features else ()),
            *(() if self.embedding else (("embedding", "0"),)),
            *(("since", cursor) for cursor in cursors_of(self.position(cursors, returning=returning))),
        )

    def _asked_types(self) -> tuple[str, ...]:
        return (
            (*self.types, ENDED) if self.until_end and self.types and ENDED not in self.types else self.types
        )


def cursors_of(since: Since | None) -> list[str]:
    """Return the `since` of a query that ask for what comes after `since`, as many as fit."""
    if since is None:
        return []
    if not since.sessions:
        return [str(since.seq)]
    room = SINCE_CHARACTERS
    chosen: list[str] = []
    for session, seq in since.sessions.items():
        chosen.append(f"{session}:{seq}")
        room -= len("&since=") + len(chosen[-1])
        if room < 0:
            break
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
