"""Ending an iteration from outside, even while its next item is awaited."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

T = TypeVar("T")


async def until(stop: asyncio.Event, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Yield `items` until they end or `stop` is set; either way `items` is closed before this returns.

    An item costs no task: the wait for it has a deadline, which is far away until `stop` is set.
    """
    stopped = asyncio.create_task(stop.wait())
    waits: list[asyncio.Timeout] = []
    stopped.add_done_callback(lambda task: None if task.cancelled() else _expire(waits))
    try:
        async with aclosing(items):
            while not stop.is_set():
                try:
                    async with asyncio.timeout(None) as wait:
                        waits[:] = [wait]
                        following = await anext(items, None)
                        waits.clear()
                except TimeoutError:
                    if wait.expired():
                        return
                    raise
                if following is None:
                    return
                yield following
    finally:
        stopped.cancel()


def _expire(waits: list[asyncio.Timeout]) -> None:
    for wait in waits:
        wait.reschedule(asyncio.get_running_loop().time())
