"""A node: one engine, the places where events go, the streams that come over the network, and the server.

`listen` adds a stream of its own to it. The order of its end is that in which audio and events flow: streams,
then followers, Redis and recordings all at once, engine.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from .assembly import assemble_pipeline, model_name
from .engine import Engine
from .publishing import publishing_redis
from .recording.recorder import Recorder
from .server.event_meter import EventMeter
from .server.lateness import measure_lateness
from .server.metrics import Metrics
from .server.receiving import Receiving
from .server.serve import serve
from .server.streams import Streams
from .sinks.hub import Hub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from cmlstream.models.archive import Archive

    from .pipeline import Pipeline
    from .publishing import PublishingRedis
    from .server.serve import Address, ServerSettings
    from .settings import CommonSettings, LimitSettings
    from .sinks.base import Sink


@dataclass(frozen=True, slots=True, eq=False)
class Outlets:
    """Where events go."""

    hub: Hub
    redis: PublishingRedis | None
    recorder: Recorder | None
    sinks: tuple[Sink, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node that runs."""

    address: Address
    outlets: Outlets
    streams: Streams
    assemble: Callable[..., Pipeline]
    """Makes a pipeline of a stream's name and source; `sinks` are those of the node unless told."""


@asynccontextmanager
async def running_node(
    settings: CommonSettings, limits: LimitSettings, server: ServerSettings, archive: Archive
) -> AsyncIterator[Node]:
    """Run a node while the context lasts.

    Raises ServiceError where Redis or the port refuses, ConfigurationError where the address may not be
    listened on or nothing can be recorded.
    """
    metrics = Metrics(version("cmlstream"), model_name(archive))
    engine = Engine(archive, metrics.estimated)
    metrics.watch_engine(lambda: engine.waiting)
    async with AsyncExitStack() as stack:
        redis = None
        if settings.redis:
            redis = await stack.enter_async_context(publishing_redis(settings.redis))
        outlets = _outlets(settings, redis, metrics)
        await engine.warm()
        _spare_the_collector()
        async with asyncio.TaskGroup() as tasks:
            helping = [
                tasks.create_task(engine.run()),
                tasks.create_task(measure_lateness(metrics.woke_late)),
            ]
            for sink in outlets.sinks:
                tasks.create_task(sink.run())
            assemble = partial(
                assemble_pipeline,
                settings,
                engine,
                sinks=outlets.sinks,
                on_delay=metrics.delayed,
                recorder=outlets.recorder,
            )
            streams = Streams(tasks, assemble, limits)
            metrics.watch_streams(lambda: len(streams), streams.totals)
            receiving = Receiving(streams, server.tokens, limits, server.patience, metrics, archive.card)
            async with serve(outlets.hub, server, receiving) as address:
                try:
                    yield Node(address, outlets, streams, assemble)
                finally:
                    await end(streams, outlets.sinks)
            for task in helping:
                task.cancel()


async def end(streams: Streams, sinks: Sequence[Sink]) -> None:
    """End what others still send, and then deliver all that waits, everywhere at once: 11 s at most."""
    await streams.close()
    async with asyncio.TaskGroup() as closing:
        for sink in sinks:
            closing.create_task(sink.close())


def _outlets(settings: CommonSettings, redis: PublishingRedis | None, metrics: Metrics) -> Outlets:
    hub = Hub(log=redis.log if redis else None)
    metrics.watch_subscribers(lambda: hub.subscribers, lambda: hub.skipped_events)
    sinks: list[Sink] = []
    if redis:
        sink = redis.sink
        metrics.watch_redis(lambda: sink.waiting_events, lambda: sink.away, lambda: sink.skipped_events)
        sinks.append(sink)
    recorder = Recorder(Path(settings.record)) if settings.record else None
    if recorder:
        metrics.watch_recorder(lambda: recorder.skipped_events, lambda: recorder.dropped_samples)
        sinks.append(recorder)
    # The hub last: it wakes a thousand subscribers before it returns.
    return Outlets(hub, redis, recorder, (*sinks, EventMeter(metrics), hub))


def _spare_the_collector() -> None:
    """Let garbage collection pass over all that was made so far and stays.

    Torch alone is hundreds of thousands of objects, and looking through them stops everything for 50 ms.
    """
    gc.collect()
    gc.freeze()
