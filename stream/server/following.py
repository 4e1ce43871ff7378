"""`/v1/events`: a websocket follows the hub until its client leaves or is stuck, or nothing more comes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import CloseCode

from cmlstream.models.errors import ServiceError
from cmlstream.stream.ingest import Refusal
from cmlstream.stream.selection import SelectionError, parse_selection

from . import web
from .parting import part_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Response

    from cmlstream.stream.sinks.hub import Hub
    from cmlstream.stream.sinks.subscription import Subscription

    from .patience import Patience

EVENTS_PATH = "/v1/events"


@dataclass(frozen=True, slots=True)
class _Farewell:
    """Why a websocket is closed."""

    code: CloseCode
    reason: str


class Following:
    """Lets `subscribers` clients at once follow the hub."""

    def __init__(self, hub: Hub, subscribers: int, patience: Patience, count: Callable[[str], None]) -> None:
        self._hub = hub
        self._subscribers = subscribers
        self._patience = patience
        self._count = count

    def admit(self, query: str) -> Response | None:
        """Return why a request with this query is refused; None lets the websocket be opened."""
        try:
            parse_selection(query)
        except SelectionError as error:
            self._count("bad_query")
            return web.refuse(HTTPStatus.BAD_REQUEST, str(error))
        if self._is_full():
            self._count("too_many_subscribers")
            return web.refuse(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"All {self._subscribers} places for subscribers are taken: try again later.",
            )
        return None

    @property
    def trouble(self) -> str | None:
        """Why nobody new may follow; None while one may."""
        if self._hub.close_reason is not None:
            return self._hub.close_reason
        return "all places for subscribers are taken" if self._is_full() else None

    async def follow(self, connection: ServerConnection) -> None:
        """Deliver events until the client leaves, gets stuck, or nothing more will come."""
        assert connection.request is not None, "the handshake is over"
        selection = parse_selection(connection.request.path.partition("?")[2])
        async with asyncio.TaskGroup() as tasks:
            async with self._hub.subscribe(selection) as subscription:
                tasks.create_task(_await_departure(connection, subscription))
                farewell = await self._deliver(connection, subscription)
            await part_from(connection, farewell.code, farewell.reason, self._patience.close_s)

    def _is_full(self) -> bool:
        return self._hub.subscribers >= self._subscribers

    async def _deliver(self, connection: ServerConnection, subscription: Subscription) -> _Farewell:
        try:
            async for payload in subscription:
                if connection.transport.get_write_buffer_size() == 0:
                    # Half the work of `send`, which has to be ready to wait for room.
                    broadcast((connection,), payload, text=True)
                else:
                    async with asyncio.timeout(self._patience.send_s):
                        await connection.send(payload, text=True)
        except TimeoutError:
            self._count(Refusal.TOO_SLOW.code)
            return _Farewell(
                CloseCode.TRY_AGAIN_LATER,
                f"nothing was read for {self._patience.send_s:g} s: reconnect with since",
            )
        except ServiceError:
            return _Farewell(CloseCode.TRY_AGAIN_LATER, "Redis cannot tell now what came before")
        except ConnectionClosed:
            return _Farewell(CloseCode.NORMAL_CLOSURE, "")
        return _Farewell(CloseCode.GOING_AWAY, self._hub.close_reason or "")


async def _await_departure(connection: ServerConnection, subscription: Subscription) -> None:
    """Ignore what the client says, and end its subscription when it leaves, even while no event comes."""
    try:
        async for _ in connection:
            pass
    except ConnectionClosedError:
        pass
    finally:
        subscription.abandon()
