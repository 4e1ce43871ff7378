"""How late the event loop comes to what is due: the first thing to suffer from work that blocks it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_S = 0.05


async def measure_lateness(told: Callable[[float], None], interval_s: float = INTERVAL_S) -> None:
    """Sleep again and again and tell by how many seconds each sleep was too long, until cancelled.

    The loop's own clock ticks in milliseconds: less than one and a half of them is as good as none.
    """
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + interval_s
        await asyncio.sleep(interval_s)
        told(max(loop.time() - due_s, 0.0))
