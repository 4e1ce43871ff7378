"""The questions that reading events back asks of Redis, each one command, with typed answers.

They raise one of FAILURES where Redis is away, slow or unwilling. Entries without our field are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis.asyncio import RedisCluster

from .events import STREAM_NAME_PATTERN
from .redis_client import address_of, ask, open_client
from .redis_keys import EVENT_FIELD, REGISTRY_KEY, Position, stream_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .redis_client import Command

PAGE_ENTRIES = 500
"""Asked for at once: some hundred kilobytes."""

ANSWER_ENTRIES = 2_000
"""Asked for at once of all streams together."""

BLOCK_MS = 250
"""How long Redis holds its answer back while nothing is added.

Short beside REPLY_TIMEOUT_S, so that a Redis that hangs is told from one that has nothing to say.
"""

_FIELD = EVENT_FIELD.encode()


@dataclass(frozen=True, slots=True)
class Found:
    """An entry of a stream's log."""

    position: Position
    payload: bytes


class RedisReader:
    """Asks one Redis, or one cluster."""

    def __init__(self, url: str) -> None:
        """Prepare; nothing is sent yet. Raises ServiceError where `url` is not the URL of a Redis."""
        self._client = open_client(url)
        self.address = address_of(url)
        """Where this reads, without the URL's secrets."""

    @property
    def is_cluster(self) -> bool:
        """Whether streams may lie on different nodes, so that one question cannot ask for several."""
        return isinstance(self._client, RedisCluster)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def streams(self) -> list[str]:
        """Return the names of the streams that Redis holds, the most recently active first."""
        names: list[bytes] = await ask(self._client, "ZREVRANGE", REGISTRY_KEY, 0, -1)
        decoded = (name.decode(errors="replace") for name in names)
        return [name for name in decoded if re.fullmatch(STREAM_NAME_PATTERN, name)]

    async def oldest(self, stream: str) -> Found | None:
        """Return the first entry that the log still holds."""
        return next(await self._range(stream, "-", "+", 1), None)

    async def newest(self, stream: str) -> Found | None:
        """Return the last entry of the log."""
        command = ("XREVRANGE", _log_of(stream), "+", "-", "COUNT", 1)
        return next(_found(await ask(self._client, *command)), None)

    async def first_of_session(self, stream: str, session_ms: int) -> Found | None:
        """Return the first entry that the log still holds of the session that began then."""
        session = str(session_ms)
        return next(await self._range(stream, session, session, 1), None)

    async def first_from(self, stream: str, position: Position) -> Found | None:
        """Return the entry at `position`, or the next that the log holds behind it."""
        return next(await self._range(stream, str(position), "+", 1), None)

    async def last_before(self, stream: str, position: Position) -> Found | None:
        """Return the last entry before `position`."""
        command = ("XREVRANGE", _log_of(stream), f"({position}", "-", "COUNT", 1)
        return next(_found(await ask(self._client, *command)), None)

    async def page(
        self, stream: str, after: Position, before: Position | None = None, count: int = PAGE_ENTRIES
    ) -> list[Found]:
        """Return up to `count` entries between two positions, neither of them included."""
        end = f"({before}" if before else "+"
        return list(await self._range(stream, f"({after}", end, count))

    async def added(self, after: Mapping[str, Position]) -> list[tuple[str, list[Found]]]:
        """Return what follows each stream's position, waiting up to BLOCK_MS for the first entry.

        In a cluster the streams must share a slot.
        """
        names = {_log_of(stream): stream for stream in after}
        count = max(1, min(PAGE_ENTRIES, ANSWER_ENTRIES // len(names)))
        places = (*names, *map(str, after.values()))
        command: Command = ("XREAD", "COUNT", count, "BLOCK", BLOCK_MS, "STREAMS", *places)
        logs = await ask(self._client, *command, **await self._node(next(iter(names))))
        return [(names[log.decode()], list(_found(entries))) for log, entries in logs]

    async def _range(self, stream: str, start: str, end: str, count: int) -> Iterator[Found]:
        command = ("XRANGE", _log_of(stream), start, end, "COUNT", count)
        return _found(await ask(self._client, *command))

    async def _node(self, key: str) -> dict[str, Any]:
        """Return the option that spares redis-py asking a node, perhaps dead, what XREAD's keys are."""
        if not isinstance(self._client, RedisCluster):
            return {}
        await self._client.initialize()
        return {"target_nodes": self._client.get_node_from_key(key)}


def _log_of(stream: str) -> str:
    return stream_keys(stream)[0]


def _found(entries: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> Iterator[Found]:
    return (
        Found(Position.parse(identifier), fields[_FIELD])
        for identifier, fields in entries
        if fields and _FIELD in fields
    )
