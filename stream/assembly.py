"""What `listen` and `serve` are made of: the model, where events go, and a pipeline for a stream."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmlstream.models import archive
from cmlstream.models.baseline import Baseline
from cmlstream.models.contract import SAMPLE_RATE

from .analysis import Analysis
from .embedded_redis import embedded_redis
from .pipeline import Pipeline, StreamIdentity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from cmlstream.models.archive import Archive

    from .engine import Engine
    from .settings import CommonSettings
    from .sinks.base import Sink
    from .sinks.redis import RedisSink
    from .sources.base import Source

EMBEDDED = "embedded"

NOTICE = (
    "These are estimates of expressed affect, not of feelings. Tell people that they are analysed; "
    "at work and in education the EU bans it (AI Act, Article 5(1)(f))."
)


def load_model(settings: CommonSettings) -> Archive:
    """Return the model that the settings name; raises ModelError where it cannot be used."""
    return archive.load(archive.path_of(settings.model), trust=settings.trust_model)


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


def model_name(archive: Archive) -> str:
    """Return what events call the model."""
    return f"{archive.card.name} {archive.card.version}"


def assemble_pipeline(
    settings: CommonSettings,
    engine: Engine,
    stream: str,
    source: Source,
    sinks: Sequence[Sink],
    on_delay: Callable[[float], None] | None = None,
) -> Pipeline:
    """Return the pipeline of a stream that is heard from `source`."""
    return Pipeline(
        StreamIdentity(stream, model_name(engine.archive), settings.window_s, settings.hop_ms),
        source,
        Analysis(
            settings.voice_activity,
            window_samples=round(settings.window_s * SAMPLE_RATE),
            hop_samples=settings.hop_ms * SAMPLE_RATE // 1000,
        ),
        engine,
        Baseline(engine.archive.prior),
        sinks,
        on_delay,
    )
