"""What one subscriber asks for: the query of `/v1/events`, read into a type."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from .events import KINDS, STREAM_NAME_PATTERN
from .forms import DEFAULT_FORM, Form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .events import Event

EVERY_STREAM = "*"
_PARAMETERS = ("stream", "since", "type", "features", "embedding")
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
    """Which events a subscriber wants, from where on, and in which form."""

    streams: frozenset[str] = frozenset()
    """None named means every stream."""
    since: Since | None = None
    """None: only what is published from now on."""
    kinds: frozenset[type[Event]] = frozenset()
    """None named means every type of event."""
    form: Form = DEFAULT_FORM

    def includes(self, event: Event) -> bool:
        """Return whether the subscriber asked for `event`."""
        return self.includes_stream(event.stream) and (not self.kinds or type(event) in self.kinds)

    def includes_stream(self, stream: str) -> bool:
        """Return whether the subscriber asked for the events of `stream`."""
        return not self.streams or stream in self.streams


def parse_selection(query: str) -> Selection:
    """Read the query of an events address, without its question mark.

    `stream` may be repeated, `*` or its absence means every stream. `since` is one sequence number, applied
    to the newest session of each stream, or `SESSION:NUMBER`, once per session the client was following: that
    form leaves no hole when new sessions began while the client was away. `type`, which may be repeated,
    leaves out all other events; `features=1` adds the features and `embedding=0` leaves the embedding out.

    Raises SelectionError where the query says anything else.
    """
    named: dict[str, list[str]] = {name: [] for name in _PARAMETERS}
    for name, value in _pairs(query):
        if name not in named:
            raise SelectionError(f"Unknown parameter {_shown(name)}: {_listed(_PARAMETERS)} are understood.")
        named[name].append(value)
    return Selection(
        _parse_streams(named["stream"]),
        _parse_since(named["since"]),
        _parse_kinds(named["type"]),
        Form(
            embedding=_parse_switch("embedding", named["embedding"], DEFAULT_FORM.embedding),
            features=_parse_switch("features", named["features"], DEFAULT_FORM.features),
        ),
    )


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


def _parse_kinds(values: list[str]) -> frozenset[type[Event]]:
    for value in values:
        if value not in KINDS:
            raise SelectionError(f"Unknown type {_shown(value)}: there are {_listed(KINDS)}.")
    return frozenset(KINDS[value] for value in values)


def _parse_switch(name: str, values: list[str], default: bool) -> bool:
    if values and (len(values) > 1 or values[0] not in {"0", "1"}):
        raise SelectionError(f"Malformed {name} {_shown(values[-1])}: give 0 or 1, once.")
    return values == ["1"] if values else default


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}"


def _shown(value: str) -> str:
    """Return what a client sent, short and in plain ASCII, fit for a sentence."""
    return ascii(value if len(value) <= 40 else value[:40] + "...")
