"""Where events go beside this node, and what everybody is told who publishes them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .embedded_redis import embedded_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .redis_log import RedisLog
    from .sinks.redis import RedisSink

EMBEDDED = "embedded"

NOTICE = (
    "These are estimates of expressed affect, not of feelings. Tell people that they are analysed; "
    "at work and in education the EU bans it (AI Act, Article 5(1)(f))."
)


@dataclass(frozen=True, slots=True, eq=False)
class PublishingRedis:
    """A Redis that takes events, what it holds of them, and how people reach it."""

    sink: RedisSink
    log: RedisLog
    place: str


@asynccontextmanager
async def publishing_redis(url: str) -> AsyncIterator[PublishingRedis]:
    """Connect to the Redis at `url`, or to a private one that ends with the context.

    Raises ServiceError where it refuses.
    """
    if url == EMBEDDED:
        # It has no secrets, and whoever wants to subscribe needs all of it.
        async with embedded_redis() as private_url, _connected(private_url) as (sink, log):
            yield PublishingRedis(sink, log, private_url)
    else:
        async with _connected(url) as (sink, log):
            yield PublishingRedis(sink, log, sink.address)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[tuple[RedisSink, RedisLog]]:
    # Importing redis takes 0.15 s, which only those who publish to it should wait for.
    from .redis_log import RedisLog
    from .sinks.redis import RedisSink

    sink = RedisSink(url)
    await sink.connect()
    async with RedisLog(url) as log:
        yield sink, log
