"""Ending an iteration from outside, even while its next item is awaited."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

T = TypeVar("T")


async def until(stop: asyncio.Event, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Yield `items` until they end or `stop` is set; either way `items` is closed before this returns."""
    stopped = asyncio.create_task(stop.wait())
    try:
        async with aclosing(items):
            while not stop.is_set() and (following := await _next_unless(stopped, items)) is not None:
                yield following
    finally:
        stopped.cancel()


async def _next_unless(stopped: asyncio.Task[bool], items: AsyncGenerator[T, None]) -> T | None:
    following = asyncio.ensure_future(anext(items, None))
    try:
        await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return following.result() if following.done() else None
    finally:
        # A generator cannot be closed while it runs: let it take the cancellation first.
        if not following.done():
            following.cancel()
            await asyncio.wait({following})
