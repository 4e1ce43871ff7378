"""A live source that is opened again after it broke: a microphone that was unplugged comes back."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import InputError

from .base import Chunk, NewSpeaker, Source

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from .base import Heard

WAIT_S = 1.0
"""Between attempts: the system takes about as long to set up a device that was plugged in."""


class ReopenedSource(Source):
    """Goes on with what `reopen` returns when `source` breaks; the time between is lost audio.

    `reopen` runs on a thread and raises InputError where nothing is there yet. `on_break` is called with the
    reason when the source breaks, and with None when it is back.

    Raises InputError only where `source` breaks before it yielded anything.
    """

    def __init__(
        self, source: Source, reopen: Callable[[], Source], on_break: Callable[[str | None], None]
    ) -> None:
        self.description = source.description
        self.paced = source.paced
        self._source = source
        self._reopen = reopen
        self._on_break = on_break
        self._end = 0
        self._heard_s: float | None = None
        self._dropped_before = 0
        self._broken = False

    async def chunks(self) -> AsyncGenerator[Heard, None]:
        """Yield what is heard, until closed or until the source ends by itself."""
        while True:
            try:
                async with aclosing(self._placed()) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except InputError as error:
                if self._heard_s is None:
                    raise
                self._break(str(error))
            else:
                return
            self._dropped_before = self.dropped_samples
            self._source = await self._opened_again()

    async def _placed(self) -> AsyncGenerator[Heard, None]:
        """Yield what the source yields, moved to where it lies in the whole."""
        loop = asyncio.get_running_loop()
        origin = None
        async with aclosing(self._source.chunks()) as chunks:
            async for one in chunks:
                if isinstance(one, NewSpeaker):
                    yield one
                    continue
                now_s = loop.time()
                if origin is None:
                    origin = self._end + self._missed_samples(now_s, one) - one.start
                self._end = origin + one.start + len(one.samples_T)
                self._heard_s = now_s
                self.dropped_samples = self._dropped_before + self._source.dropped_samples
                yield Chunk(one.samples_T, origin + one.start)

    def _missed_samples(self, now_s: float, first: Chunk) -> int:
        if self._heard_s is None:
            return first.start
        self._broken = False
        self._on_break(None)
        # At least a sample: what was heard before does not go on here.
        return max(round((now_s - self._heard_s) * SAMPLE_RATE) - len(first.samples_T), 1)

    def _break(self, reason: str) -> None:
        # Some devices can be opened while they are away, and break again at once.
        if not self._broken:
            self._broken = True
            self._on_break(reason)

    async def _opened_again(self) -> Source:
        while True:
            await asyncio.sleep(WAIT_S)
            try:
                return await asyncio.to_thread(self._reopen)
            except InputError:
                pass
