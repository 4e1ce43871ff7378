"""Reading back what Redis holds: the past of a stream and what is added to it, without a seam.

The log is read, never the channel: a subscriber of a channel that is cut off, or slow, misses events for
good, while a log is read on from the last identifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from .events import Message
    from .redis_keys import Position
    from .selection import Since


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a log, encoded as it was published, or a `gap` in place of what Redis no longer holds."""

    stream: str
    position: Position
    """Where it lies; where the last of the missing ones lay, if it stands for several."""

    payload: bytes
    """The event as JSON in UTF-8."""


class RedisLog:
    """Reads the events that any node published to one Redis. Use it as `async with RedisLog(url) as log`.

    Imported late, since redis takes 0.15 s.
    """

    def __init__(self, url: str) -> None:
        """Prepare to read; nothing is sent yet.

        Raises:
            ServiceError: `url` is not the URL of a Redis.

        """
        raise NotImplementedError

    @property
    def away(self) -> bool:
        """Whether Redis did not answer when last asked; `follow` then tries again on its own."""
        raise NotImplementedError

    async def __aenter__(self) -> RedisLog:
        """Make sure, once, that Redis lets us read.

        Raises:
            ServiceError: it is not there, or refuses us.

        """
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        raise NotImplementedError

    async def streams(self) -> list[str]:
        """Return the names of all streams that Redis holds, the most recently active first.

        Raises:
            ServiceError: Redis does not answer.

        """
        raise NotImplementedError

    def read(
        self, stream: str, *, session: str | None = None, after_seq: int = 0, before: Message | None = None
    ) -> AsyncGenerator[Entry]:
        """Yield what the log holds now, in order, a page at a time.

        Args:
            stream: its name.
            session: the session last read, as events name it; later sessions follow it. None, or a name that
                the log does not know, is the newest.
            after_seq: the number of the last event of that session that was read.
            before: the oldest message that the caller holds itself; what lies before it is yielded. None is
                all there is.

        What is missing (trimmed, expired, or not yet in Redis though before `before`) is told by a `gap`
        event, without a number, in its place.

        Raises:
            ServiceError: Redis does not answer; what was yielded so far is good.

        """
        raise NotImplementedError

    def follow(self, streams: Iterable[str] = (), since: Since | None = None) -> AsyncGenerator[Entry]:
        """Yield events as they are added, each stream's in order and each once, until closed.

        Args:
            streams: their names, which need not exist yet; none means all, with those that appear later.
            since: where to begin, as in the query of `/v1/events`; None is now.

        What was trimmed before it could be read is told by a `gap` event, without a number, in its place.
        While Redis is away (see `away`) this waits, tries again ever more rarely, and goes on after the last
        event that it yielded. Close the generator (`contextlib.aclosing`) to end its tasks.

        Raises:
            ServiceError: Redis does not answer at the beginning, or refuses us.

        """
        raise NotImplementedError
