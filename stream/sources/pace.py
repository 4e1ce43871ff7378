"""Recorded audio at the pace it was spoken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cmlstream.models.contract import SAMPLE_RATE

from .base import CHUNK_SAMPLES, Chunk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator


async def at_pace(chunks: AsyncIterator[Chunk]) -> AsyncGenerator[Chunk, None]:
    """Yield 20 ms at a time, each when the last of its samples would have been spoken.

    The schedule is fixed at the start: a late reader catches up, and nothing drifts.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    async for chunk in chunks:
        for offset in range(0, len(chunk.samples_T), CHUNK_SAMPLES):
            piece_T = chunk.samples_T[offset : offset + CHUNK_SAMPLES]
            start = chunk.start + offset
            await asyncio.sleep(began_s + (start + len(piece_T)) / SAMPLE_RATE - loop.time())
            yield Chunk(piece_T, start)
