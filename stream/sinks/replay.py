"""Telling one subscriber what came before: what only Redis holds, then the past, until nothing is between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmlstream.stream import forms
from cmlstream.stream.events import encode

from .backlog import Backlog
from .wanted import Unread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cmlstream.stream.events import Message
    from cmlstream.stream.selection import Selection, Since

    from .backlog import Archive
    from .past import Past

SLICE = 256
"""Messages looked at in a row; it takes a fraction of a millisecond."""


class Replay:
    """Walks through the past. Nothing is copied: what the past lets go meanwhile has to come from Redis.

    Without one it is skipped, and told as a gap.
    """

    def __init__(self, selection: Selection, since: Since, past: Past, archive: Archive | None) -> None:
        self._past = past
        self._form = selection.form
        self._unread = Unread(selection, since, past)
        self._place: int | None = None
        self._backlog = Backlog(archive, selection, past, self._unread) if archive else None

    def begin(self) -> list[bytes]:
        """Return what can be told without waiting."""
        return [] if self._backlog else self._enter_past()

    async def close(self) -> None:
        """Stop reading."""
        if self._backlog is not None:
            await self._backlog.close()

    def _enter_past(self) -> list[bytes]:
        """Start at the oldest message held; return the notices of what is older and missing."""
        self._place = self._past.first
        return [encode(gap) for gap in self._unread.gaps()]

    def pass_over(self, place: int, message: Message) -> bool:
        """Note that `message`, at `place`, is not held any more; return whether the subscriber misses it."""
        if self._place != place:
            return False
        wanted = self._unread.wants(message)
        if wanted and self._backlog is not None:
            self._place = None
            return False
        self._place += 1
        return wanted

    async def fetch(self) -> Sequence[bytes] | None:
        """Return what comes next, which may be nothing yet; None where the past has all been told.

        Nothing can be published between None and the caller's next await.
        """
        if self._place is None:
            fetched = await self._backlog.fetch() if self._backlog else None
            return self._enter_past() if fetched is None else fetched
        if self._place == self._past.end:
            return None
        messages = self._past.slice(self._place, SLICE)
        self._place += len(messages)
        wanted = [message for message in messages if self._unread.wants(message)]
        if self._backlog is not None:
            self._unread.told(wanted)
        return [forms.payload(message, self._form) for message in wanted]
