"""What one subscriber asks for: the query of `/v1/events`, read into a type."""

from __future__ import annotations

import re
import time
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
_AGE = re.compile(r"([0-9]{1,10}(?:\.[0-9]{1,6})?)s")


class SelectionError(ValueError):
    """A query that cannot be followed; the message is a sentence for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Since:
    """How far a subscriber had read, by session, and what is wanted of the streams of which none is named.

    With neither `seq` nor `moment_s` that is what began after the newest session that is named.
    """

    seq: int | None = None
    """Their newest sessions, after this number."""
    sessions: Mapping[str, int] = field(default_factory=dict)
    moment_s: float | None = None
    """What came after this wall time."""

    def last_read(self, session: str) -> int:
        """Return the number after which events of `session` are wanted."""
        return self.sessions.get(session, self.seq or 0)


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
    to the newest session of each stream; an age such as `2.5s`, which means what came since then, and which
    no clock of the client's can put wrong; or `SESSION:NUMBER`, once per session the client was following,
    with which later sessions come whole. Beside those, a number or an age holds for the streams of which no
    session is named. `type`, which may be repeated, leaves out all other events; `features=1` adds the
    features and `embedding=0` leaves the embedding out.

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
    cursors = [_CURSOR.fullmatch(value) for value in values]
    sessions = {cursor[1]: int(cursor[2]) for cursor in cursors if cursor}
    others = [value for value, cursor in zip(values, cursors, strict=True) if cursor is None]
    for value in others:
        if not _SEQ.fullmatch(value) and not _AGE.fullmatch(value):
            raise SelectionError(
                f"Malformed since {_shown(value)}: give the number of the last event read, how long ago as "
                "in 2.5s, or SESSION:NUMBER once for each session."
            )
    if len(others) > 1:
        raise SelectionError(f"More than one since {_shown(others[0])}: only SESSION:NUMBER can be repeated.")
    other = others[0] if others else ""
    return Since(
        int(other) if _SEQ.fullmatch(other) else None,
        sessions,
        time.time() - float(age[1]) if (age := _AGE.fullmatch(other)) else None,
    )


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
