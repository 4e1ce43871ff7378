"""Who may follow: checked when a follower comes, and again once tokens have been rotated."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cmlstream.stream.ingest import Refusal

from .parting import part_from
from .tokens import Scope, presented

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.asyncio.server import ServerConnection

    from .patience import Patience
    from .tokens import Grant, Tokens

CHECK_S = 1.0
"""How long a token that was withdrawn goes on to work."""


class Admission:
    """Lets followers in by their tokens.

    A browser sees only what comes after the handshake, so whoever is refused is let in first, and then told.
    """

    def __init__(self, tokens: Tokens, patience: Patience, count: Callable[[str], None]) -> None:
        self._tokens = tokens
        self._patience = patience
        self._count = count
        self._admitted: dict[ServerConnection, Grant] = {}

    async def admit(
        self, connection: ServerConnection, follow: Callable[[ServerConnection], Awaitable[object]]
    ) -> None:
        """Let `connection` follow for as long as its token stands; otherwise close it with the reason."""
        assert connection.request is not None, "the handshake is over"
        grant = self._tokens.grant_for(presented(connection.request.headers))
        if grant is None or Scope.EVENTS not in grant.scopes:
            await self._turn_away(connection, Refusal.FORBIDDEN if grant else Refusal.UNAUTHORIZED)
            return
        self._admitted[connection] = grant
        try:
            await follow(connection)
        finally:
            self._admitted.pop(connection, None)

    async def watch(self) -> None:
        """Turn away those whose tokens no longer stand, until cancelled; one who is stuck holds up none."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(CHECK_S)
                strangers = [one for one, grant in self._admitted.items() if not self._tokens.holds(grant)]
                for one in strangers:
                    del self._admitted[one]
                    tasks.create_task(self._turn_away(one, Refusal.UNAUTHORIZED))

    async def _turn_away(self, connection: ServerConnection, refusal: Refusal) -> None:
        self._count(refusal.code)
        await part_from(connection, refusal.close_code, refusal.code, self._patience.close_s)
