"""Telling one subscriber the past, a slice at a time, until it has caught up with what is published now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmlstream.stream import forms
from cmlstream.stream.events import encode

from .wanted import Unread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cmlstream.stream.events import Message
    from cmlstream.stream.selection import Selection, Since

    from .past import Past

SLICE = 256
"""Messages looked at in a row; it takes a fraction of a millisecond."""


class Replay:
    """Walks through the past. Nothing is copied: what the past lets go before it was reached is skipped."""

    def __init__(self, selection: Selection, since: Since, past: Past) -> None:
        self._past = past
        self._form = selection.form
        self._unread = Unread(selection, since, past)
        self._place: int | None = None

    def begin(self) -> list[bytes]:
        """Start at the oldest message held; return the notices of what is older and missing."""
        self._place = self._past.first
        return [encode(gap) for gap in self._unread.gaps()]

    def pass_over(self, place: int, message: Message) -> bool:
        """Note that `message`, at `place`, is not held any more; return whether it was still wanted."""
        if self._place != place:
            return False
        self._place += 1
        return self._unread.wants(message)

    async def fetch(self) -> Sequence[bytes] | None:
        """Return what comes next, which may be nothing yet; None where the past has all been told.

        Nothing can be published between None and the caller's next await.
        """
        if self._place is None:
            return self.begin()
        if self._place == self._past.end:
            return None
        messages = self._past.slice(self._place, SLICE)
        self._place += len(messages)
        return [forms.payload(one, self._form) for one in messages if self._unread.wants(one)]
