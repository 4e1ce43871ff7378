"""A line to Redis that loses replies, or is slow."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Proxy:
    """Passes bytes on, except for some replies to a script: there it cuts the line, or says nothing."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cuts_left = 0
        self.swallows_left = 0
        self.delay_s = 0.0
        """How long each piece of a reply takes."""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        async with server:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def done(self) -> bool:
        return self.cuts_left == self.swallows_left == 0

    async def _connect(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        redis, to_redis = await asyncio.open_connection("127.0.0.1", self._port)
        asked = asyncio.Event()

        async def requests() -> None:
            while data := await client.read(1 << 16):
                if b"EVALSHA" in data:
                    asked.set()
                to_redis.write(data)
            to_redis.close()

        async def replies() -> None:
            while data := await redis.read(1 << 16):
                if asked.is_set() and self.cuts_left:
                    self.cuts_left -= 1
                    break
                if asked.is_set() and self.swallows_left:
                    self.swallows_left -= 1
                    continue
                asked.clear()
                await asyncio.sleep(self.delay_s)
                to_client.write(data)
            to_client.close()

        await asyncio.gather(requests(), replies(), return_exceptions=True)
        to_redis.close()
