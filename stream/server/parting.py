"""Parting from a websocket whose client may have stopped reading."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection


async def part_from(connection: ServerConnection, code: int, reason: str, close_s: float) -> None:
    """Close `connection` with `code` and `reason`; cut it off where that takes longer than `close_s`."""
    # Where the socket is full, `close` waits for room without a limit of its own.
    try:
        async with asyncio.timeout(close_s):
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()
