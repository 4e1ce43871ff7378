"""Events from the websocket of a server."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, TypedDict

from websockets.asyncio.client import connect

from .failures import FAILURES, judge
from .link import Link
from .states import Connected

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from ssl import SSLContext

    from .address import ServerAddress
    from .cursors import Cursors
    from .states import Report
    from .wanted import Wanted

LONGEST_EVENT_BYTES = 16_777_216
QUEUED_EVENTS = 64
"""Read ahead of a slow consumer. Then nothing more is read, and the server skips events and says which."""

logger = logging.getLogger("cmlstream.stream.client.connections")
# At its debug level websockets logs the content of every frame and header: affect and tokens.
logger.setLevel(logging.WARNING)


class WebsocketLink(Link):
    """Follows /v1/events."""

    def __init__(
        self,
        address: ServerAddress,
        wanted: Wanted,
        report: Report,
        *,
        token: str | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        self.peer = address.name
        self._address = address
        self._wanted = wanted
        self._report = report
        self._token = token
        self._tls = tls
        self._followed_from_s: float | None = None

    def _trust(self) -> _Trust:
        return {"ssl": self._tls} if self._tls and self._address.scheme == "wss" else {}

    async def payloads(self, cursors: Cursors) -> AsyncGenerator[bytes, None]:
        """Connect and yield what is sent. Raises ConnectionLost or ServiceError, as Link says."""
        begun_s = time.time()
        url = self._address.url(self._wanted.parameters(cursors, self._followed_from_s))
        try:
            async with connect(
                url,
                additional_headers=authorization(self._token),
                max_size=LONGEST_EVENT_BYTES,
                max_queue=QUEUED_EVENTS,
                compression=None,
                logger=logger,
                # Environments that name a proxy seldom exempt this machine from it.
                proxy=None if self._address.is_loopback else True,
                **self._trust(),
            ) as connection:
                self._report(Connected(self.peer))
                if self._followed_from_s is None:
                    self._followed_from_s = begun_s
                while True:
                    yield await connection.recv(decode=False)
        except FAILURES as failure:
            raise judge(failure, self.peer) from failure


class _Trust(TypedDict, total=False):
    ssl: SSLContext


def authorization(token: str | None) -> dict[str, str]:
    """Return the header that presents `token`, if there is one."""
    return {"Authorization": f"Bearer {token}"} if token else {}
