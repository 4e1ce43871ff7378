"""Where events go beside this node, and what everybody is told who publishes them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .embedded_redis import embedded_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .sinks.redis import RedisSink

EMBEDDED = "embedded"

NOTICE = (
    "These are estimates of expressed affect, not of feelings. Tell people that they are analysed; "
    "at work and in education the EU bans it (AI Act, Article 5(1)(f))."
)


@dataclass(frozen=True, slots=True, eq=False)
class PublishingRedis:
    """A Redis that takes events, and how people reach it."""

    sink: RedisSink
    place: str


@asynccontextmanager
async def publishing_redis(url: str) -> AsyncIterator[PublishingRedis]:
    """Connect to the Redis at `url`, or to a private one that ends with the context.

    Raises ServiceError where it refuses.
    """
    # Importing redis takes 0.15 s, which only those who publish to it should wait for.
    from .sinks.redis import RedisSink

    if url == EMBEDDED:
        async with embedded_redis() as private_url:
            sink = RedisSink(private_url)
            await sink.connect()
            # It has no secrets, and whoever wants to subscribe needs all of it.
            yield PublishingRedis(sink, private_url)
    else:
        sink = RedisSink(url)
        await sink.connect()
        yield PublishingRedis(sink, sink.address)
