"""What one subscriber asks for: the query of `/v1/events`, read into a type."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from .events import STREAM_NAME_PATTERN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .events import Event

EVERY_STREAM = "*"
_SEQ = re.compile(r"[0-9]{1,15}")
_CURSOR = re.compile(r"(.{1,128}):([0-9]{1,15})")


class SelectionError(ValueError):
    """A query that cannot be followed; the message is a sentence for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Since:
    """How far a subscriber had read: sequence numbers by session, and one for sessions not named."""

    seq: int = 0
    sessions: Mapping[str, int] = field(default_factory=dict)

    def last_read(self, session: str) -> int:
        """Return the number after which events of `session` are wanted."""
        return self.sessions.get(session, self.seq)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events a subscriber wants, and from where on. No streams named means every stream."""

    streams: frozenset[str] = frozenset()
    since: Since | None = None
    """None: only what is published from now on."""

    def includes(self, event: Event) -> bool:
        """Return whether the subscriber asked for `event`."""
        return not self.streams or event.stream in self.streams


def parse_selection(query: str) -> Selection:
    """Read the query of an events address, without its question mark.

    `stream` may be repeated, `*` or its absence means every stream. `since` is one sequence number, applied
    to the newest session of each stream, or `SESSION:NUMBER`, once per session the client was following: that
    form leaves no hole when a new session began while the client was away.

    Raises SelectionError where the query says anything else.
    """
    named: dict[str, list[str]] = {"stream": [], "since": []}
    for name, value in _pairs(query):
        if name not in named:
            raise SelectionError(f"Unknown parameter {_shown(name)}: stream and since are understood.")
        named[name].append(value)
    return Selection(_parse_streams(named["stream"]), _parse_since(named["since"]))


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except ValueError:
        raise SelectionError(f"Malformed query {_shown(query)}: write ?stream=NAME&since=NUMBER.") from None


def _parse_streams(values: list[str]) -> frozenset[str]:
    for value in values:
        if value != EVERY_STREAM and not re.fullmatch(STREAM_NAME_PATTERN, value):
            raise SelectionError(
                f"Invalid stream name {_shown(value)}: up to 64 letters, digits, dots, dashes and "
                "underscores, beginning with a letter or digit; * means every stream."
            )
    return frozenset() if EVERY_STREAM in values else frozenset(values)


def _parse_since(values: list[str]) -> Since | None:
    if not values:
        return None
    if len(values) == 1 and _SEQ.fullmatch(values[0]):
        return Since(int(values[0]))
    sessions: dict[str, int] = {}
    for value in values:
        cursor = _CURSOR.fullmatch(value)
        if cursor is None:
            raise SelectionError(
                f"Malformed since {_shown(value)}: give the number of the last event read, or SESSION:NUMBER "
                "once for each session."
            )
        sessions[cursor[1]] = int(cursor[2])
    return Since(sessions=sessions)


def _shown(value: str) -> str:
    """Return what a client sent, short and in plain ASCII, fit for a sentence."""
    return ascii(value if len(value) <= 40 else value[:40] + "...")
