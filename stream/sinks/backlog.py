"""What a returning subscriber wants and the past does not hold, fetched from Redis a page at a time.

Each stream is read from where the subscriber stopped to the oldest message that the past holds. While that
takes its time the past lets go of more: so it is read on, until the two meet.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from cmlstream.models.errors import ServiceError
from cmlstream.stream.events import KINDS, Affect, SpeechEnded
from cmlstream.stream.forms import without_embedding
from cmlstream.stream.seldom import SeldomLog

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cmlstream.stream.redis_log import Entry, RedisLog
    from cmlstream.stream.selection import Selection

    from .past import Past
    from .wanted import Unread

PAGE_ENTRIES = 32
"""Asked for at once: redis-py takes them apart in a millisecond or two, in which nothing else runs."""

READ_AT_ONCE = 2
"""Subscribers that Redis is read for at once: a restart brings all back, and the connections are few."""

_seldom = SeldomLog(logging.getLogger(__name__))


class Archive:
    """What Redis holds, for all subscribers of one hub."""

    def __init__(self, log: RedisLog) -> None:
        self.log = log
        self.turns = asyncio.Semaphore(READ_AT_ONCE)


class Backlog:
    """Reads for one subscriber what is neither read nor held."""

    def __init__(self, archive: Archive, selection: Selection, past: Past, unread: Unread) -> None:
        self._log = archive.log
        self._turns = archive.turns
        self._selection = selection
        self._past = past
        self._unread = unread
        self._streams: list[str] | None = None
        self._left: deque[str] = deque()
        self._entries: AsyncGenerator[Entry] | None = None
        self._moved = False

    async def fetch(self) -> list[bytes] | None:
        """Return what comes next, which may be nothing yet; None where there is no more.

        Nothing can be published between None and the caller's next await. Raises ServiceError where Redis
        does not answer and the past cannot tell what is missing.
        """
        try:
            if self._streams is None:
                self._streams = await self._find_streams()
                self._left.extend(stream for stream in self._streams if self._unread.may_lack(stream))
            if not self._left:
                self._left.extend(stream for stream in self._streams if self._unread.lacks(stream))
            return await self._next_page() if self._left else None
        except ServiceError as error:
            _seldom.warning("Followers are not told all that came before: %s", error)
            if self._unread.may_lack_sessions():
                raise
            return None

    async def close(self) -> None:
        """Stop reading."""
        if self._entries is not None:
            await self._entries.aclose()
            self._entries = None

    async def _find_streams(self) -> list[str]:
        return sorted(self._selection.streams or {*self._unread.streams(), *await self._log.streams()})

    async def _next_page(self) -> list[bytes]:
        stream = self._left[0]
        async with self._turns:
            page = await self._read_page(stream)
        if not page:
            self._finish(stream)
        return [payload for entry in page if (payload := self._told(entry)) is not None]

    async def _read_page(self, stream: str) -> list[Entry]:
        """Read on; what was taken when this is cancelled or fails is read again."""
        if self._entries is None:
            self._entries, self._moved = self._begin(stream), False
        try:
            return [entry async for entry in _some(self._entries, PAGE_ENTRIES)]
        except BaseException:
            self._entries = None
            raise

    def _begin(self, stream: str) -> AsyncGenerator[Entry]:
        before = self._past.oldest(stream)
        place = self._unread.place_in(stream)
        if place is not None:
            return self._log.read(
                stream, session=place.session, after_seq=place.seq, before=before, page_entries=PAGE_ENTRIES
            )
        return self._log.read(stream, since=self._unread.since, before=before, page_entries=PAGE_ENTRIES)

    def _finish(self, stream: str) -> None:
        """Go on to the next stream; one of which Redis holds no more either is not asked for again."""
        self._left.popleft()
        self._entries = None
        if not self._moved and self._streams:
            self._streams.remove(stream)

    def _told(self, entry: Entry) -> bytes | None:
        """Return the entry as the subscriber wants it, if at all; notices of what is missing always."""
        outline = entry.outline
        is_new = self._unread.fetched(entry.stream, entry.position, outline.session)
        if not is_new and outline.seq is not None:
            return None
        self._moved = True
        kind = KINDS.get(outline.type)
        if outline.seq is not None and self._selection.kinds and kind not in self._selection.kinds:
            return None
        if self._selection.form.embedding or kind not in {Affect, SpeechEnded}:
            return entry.payload
        return without_embedding(entry.payload)


async def _some(entries: AsyncGenerator[Entry], count: int) -> AsyncGenerator[Entry]:
    for _ in range(count):
        try:
            yield await anext(entries)
        except StopAsyncIteration:
            return
