"""Reading back what Redis holds: the past of a stream and what is added to it, without a seam.

The log is read, never the channel: a subscriber of a channel that is cut off, or slow, misses events for
good, while a log is read on from the last identifier.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

from cmlstream.models.errors import ServiceError

from .redis_client import FAILURES, REPLY_TIMEOUT_S, pauses_s, why
from .redis_continuity import Entry
from .redis_following import Following
from .redis_keys import Position
from .redis_place import go_on, place, place_in
from .redis_reader import PAGE_ENTRIES, RedisReader
from .seldom import SeldomLog
from .selection import Since

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from .events import Message
    from .redis_client import Failure
    from .redis_continuity import Continuity

__all__ = ["Entry", "RedisLog"]

_log = logging.getLogger(__name__)


class RedisLog:
    """Reads the events that any node published to one Redis. Use it as `async with RedisLog(url) as log`.

    Imported late, since redis takes 0.15 s.
    """

    def __init__(self, url: str) -> None:
        """Prepare to read; nothing is sent yet.

        Raises:
            ServiceError: `url` is not the URL of a Redis.

        """
        self._reader = RedisReader(url)
        self._unanswered = 0
        self._warnings = SeldomLog(_log)

    @property
    def away(self) -> bool:
        """Whether Redis did not answer when last asked; `follow` then tries again on its own."""
        return self._unanswered > 0

    async def __aenter__(self) -> RedisLog:
        """Make sure, once, that Redis lets us read.

        Raises:
            ServiceError: it is not there, or refuses us.

        """
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                await self._reader.streams()
        except FAILURES as failure:
            await self._reader.close()
            raise self._refusal(failure) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self._reader.close()

    async def streams(self) -> list[str]:
        """Return the names of all streams that Redis holds, the most recently active first.

        Raises:
            ServiceError: Redis does not answer.

        """
        try:
            return await self._reader.streams()
        except FAILURES as failure:
            raise self._refusal(failure) from None

    async def read(
        self,
        stream: str,
        *,
        session: str | None = None,
        after_seq: int = 0,
        since: Since | None = None,
        before: Message | None = None,
        page_entries: int = PAGE_ENTRIES,
    ) -> AsyncGenerator[Entry]:
        """Yield what the log holds now, in order, a page at a time.

        Args:
            stream: its name.
            session: the session last read, as events name it; later sessions follow it. None, or a name of
                another form than ours, is the newest.
            after_seq: the number of the last event of that session that was read.
            since: where to begin instead, as `follow` has it.
            before: the oldest message that the caller holds itself; what lies before it is yielded. None is
                all there is.
            page_entries: asked for at once, and taken apart without a break.

        What is missing (trimmed, expired, or not yet in Redis though before `before`) is told by a `gap`
        event, without a number, in its place; its `last_seq` is null where a whole session was trimmed
        behind the event read last.

        Raises:
            ServiceError: Redis does not answer; what was yielded so far is good.

        """
        try:
            log = (session and place_in(stream, session, after_seq)) or await place(
                self._reader, stream, since or Since(after_seq)
            )
            async with aclosing(self._pages(log, before, page_entries)) as pages:
                async for page in pages:
                    for entry in page:
                        yield entry
        except FAILURES as failure:
            raise self._refusal(failure) from None

    async def follow(self, streams: Iterable[str] = (), since: Since | None = None) -> AsyncGenerator[Entry]:
        """Yield events as they are added, each stream's in order and each once, until closed.

        Args:
            streams: their names, which need not exist yet; none means all, with those that appear later.
            since: where to begin, as in the query of `/v1/events`; None is now.

        What was trimmed before it could be read is told by a `gap` event, as in `read`. While Redis is away
        (see `away`) this waits, tries again ever more rarely, and goes on after the last event that it
        yielded. Close the generator (`contextlib.aclosing`) to end its tasks.

        Raises:
            ServiceError: Redis does not answer at the beginning, or refuses us.

        """
        following = Following(self._reader, frozenset(streams))
        try:
            await following.begin(since)
        except FAILURES as failure:
            raise self._refusal(failure) from None
        async with aclosing(following.entries(self._patiently)) as entries:
            async for entry in entries:
                yield entry

    async def _pages(self, log: Continuity, before: Message | None, size: int) -> AsyncGenerator[list[Entry]]:
        end = None
        if before is not None:
            assert before.event.seq is not None, "every published event has a number"
            end = Position(before.session_ms, before.event.seq)
        found = await self._reader.page(log.stream, log.last, end, size)
        while found:
            yield await go_on(self._reader, [(log, found)])
            found = await self._reader.page(log.stream, log.last, end, size) if len(found) == size else []
        if before is not None:
            yield list(log.close(before))

    async def _patiently(self, ask: Callable[[], Awaitable[list[Entry]]]) -> list[Entry]:
        """Ask until Redis answers."""
        away = False
        try:
            for pause_s in pauses_s():
                try:
                    return await ask()
                except FAILURES as failure:
                    self._unanswered += not away
                    away = True
                    self._warnings.warning(
                        "Redis at %s %s; following goes on when it is back",
                        self._reader.address,
                        why(failure),
                    )
                await asyncio.sleep(pause_s)
        finally:
            self._unanswered -= away
        raise AssertionError("pauses never end")

    def _refusal(self, failure: Failure) -> ServiceError:
        return ServiceError(f"Redis at {self._reader.address} {why(failure)}")
