"""Following many streams of one Redis: one question at a time to each slot, and a look for new streams.

XREAD takes any number of streams that share a slot; outside a cluster all do. Each question is a task that
holds one answer at most, and is asked anew when that has been taken: a slow reader slows the questions down.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from redis.crc import key_slot
from redis.exceptions import ResponseError

from .redis_continuity import Continuity
from .redis_place import BEGINNING, go_on, place

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from .redis_continuity import Entry
    from .redis_reader import RedisReader
    from .selection import Since

    Question = Callable[[], Awaitable[list[Entry]]]
    Patience = Callable[[Question], Awaitable[list[Entry]]]

DISCOVERY_S = 0.5
"""How often new streams are looked for; their first events wait in the log until then."""

FORGET_S = 60.0
"""How long a stream is asked for that the registry does not name any more.

A Redis that lost its data names it again with the next heartbeat.
"""


class Following:
    """One reader's place in each stream that it follows."""

    def __init__(self, reader: RedisReader, streams: frozenset[str]) -> None:
        """Follow `streams`, or all if there are none."""
        self._reader = reader
        self._streams = streams
        self._logs: dict[str, _Logs] = {}
        self._unasked: list[Question] = [] if streams else [self._discover]
        self._by_slot: dict[int, _Logs] = {}

    async def begin(self, since: Since | None) -> None:
        """Find where to begin in every stream that is there; raises one of FAILURES."""
        for stream in self._streams or await self._reader.streams():
            if self._streams or await self._is_log(stream):
                self._adopt(await place(self._reader, stream, since))

    async def entries(self, patiently: Patience) -> AsyncGenerator[Entry]:
        """Yield what is added, after `begin`, until closed; its tasks end with it.

        `patiently` asks a question until it is answered.
        """
        asking: dict[asyncio.Task[list[Entry]], Question] = {}
        try:
            while True:
                for question in self._unasked:
                    asking[asyncio.ensure_future(patiently(question))] = question
                self._unasked.clear()
                answered, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
                for answer in answered:
                    self._unasked.append(asking.pop(answer))
                for answer in answered:
                    for entry in answer.result():
                        yield entry
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    def _adopt(self, continuity: Continuity) -> None:
        stream = continuity.stream
        slot = key_slot(stream.encode()) if self._reader.is_cluster else 0
        logs = self._by_slot.get(slot)
        if logs is None:
            logs = self._by_slot[slot] = _Logs(self._reader)
            self._unasked.append(logs.added)
        self._logs[stream] = logs
        logs.add(continuity, math.inf if self._streams else time.monotonic())

    async def _discover(self) -> list[Entry]:
        """Begin to follow the streams that appeared, from their first events on."""
        await asyncio.sleep(DISCOVERY_S)
        for stream in await self._reader.streams():
            logs = self._logs.get(stream)
            if logs is not None:
                logs.named_s[stream] = time.monotonic()
            elif await self._is_log(stream):
                self._adopt(Continuity(stream, BEGINNING))
        return []

    async def _is_log(self, stream: str) -> bool:
        """Tell a log from a key of another type, on account of which XREAD would refuse all streams."""
        try:
            return await self._reader.oldest(stream) is not None
        except ResponseError as failure:
            if "WRONGTYPE" in str(failure):
                return False
            raise


class _Logs:
    """The streams that are asked for together."""

    def __init__(self, reader: RedisReader) -> None:
        self._reader = reader
        self._logs: dict[str, Continuity] = {}
        self.named_s: dict[str, float] = {}
        """When the registry last named them."""

    def add(self, log: Continuity, named_s: float) -> None:
        self._logs[log.stream] = log
        self.named_s[log.stream] = named_s

    async def added(self) -> list[Entry]:
        """Return what was added since the last answer; waits a moment for it."""
        earliest_s = time.monotonic() - FORGET_S
        after = {stream: log.last for stream, log in self._logs.items() if self.named_s[stream] > earliest_s}
        if not after:
            await asyncio.sleep(DISCOVERY_S)
            return []
        answers = await self._reader.added(after)
        return await go_on(self._reader, [(self._logs[stream], found) for stream, found in answers])
