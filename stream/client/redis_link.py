"""Events from a Redis that some node publishes to."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from cmlstream.stream.forms import without_embedding
from cmlstream.stream.redis_client import address_of
from cmlstream.stream.redis_log import RedisLog

from .link import Link
from .states import Connected, Lost

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from .cursors import Cursors
    from .states import Report
    from .wanted import Wanted

LOOK_S = 0.5
"""How often it is looked whether Redis is there; the log itself reconnects."""


class RedisLink(Link):
    """Follows the logs of all streams, or of those named."""

    def __init__(self, url: str, wanted: Wanted, report: Report) -> None:
        self.peer = f"Redis at {address_of(url)}"
        self._url = url
        self._wanted = wanted
        self._report = report

    async def payloads(self, cursors: Cursors) -> AsyncGenerator[bytes, None]:
        """Yield what is in Redis and what comes; the log reconnects. Raises ServiceError, as Link says."""
        async with (
            RedisLog(self._url) as log,
            _watched(log, self.peer, self._report),
            aclosing(log.follow(self._wanted.streams, self._wanted.since)) as entries,
        ):
            async for entry in entries:
                yield entry.payload if self._wanted.embedding else without_embedding(entry.payload)


@asynccontextmanager
async def _watched(log: RedisLog, peer: str, report: Report) -> AsyncIterator[None]:
    """Report when Redis goes away and comes back."""

    async def look() -> None:
        away = False
        while True:
            if log.away != away:
                away = log.away
                report(Lost("Redis does not answer", LOOK_S) if away else Connected(peer))
            await asyncio.sleep(LOOK_S)

    report(Connected(peer))
    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
