"""The service: many streams over the network, one engine, every place where events go; and how it ends."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .assembly import assemble_pipeline, load_model, model_name
from .config import read
from .engine import Engine
from .publishing import NOTICE, publishing_redis
from .recording.recorder import Recorder
from .server.event_meter import EventMeter
from .server.lateness import measure_lateness
from .server.metrics import Metrics
from .server.receiving import Receiving
from .server.renewal import renew_on_hangup
from .server.serve import ServerSettings, serve
from .server.streams import Streams
from .server.tls import Certificate
from .server.tokens import Tokens
from .settings import ServeSettings
from .shown import shown
from .signals import stop_on_signals
from .sinks.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cmlstream.models.archive import Archive

    from .publishing import PublishingRedis
    from .server.serve import Address
    from .sinks.base import Sink


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """What is needed to serve, all of it checked and loaded before anything is opened."""

    settings: ServeSettings
    archive: Archive
    server: ServerSettings


def run_serve(overrides: dict[str, object], config: Path | None, *, print_config: bool) -> None:
    """Serve until SIGINT or SIGTERM, or show the settings in force and do nothing.

    Raises ModelError or ConfigurationError for what cannot be used, ServiceError where Redis or the port
    refuses.
    """
    configuration = read(ServeSettings, config, os.environ, overrides)
    if print_config:
        click.echo(shown(configuration))
    else:
        _allow_many_files()
        asyncio.run(serve_streams(prepare(configuration.settings)))


def prepare(settings: ServeSettings) -> Service:
    """Load the model, the tokens and the certificate; raises as `run_serve` does."""
    server = ServerSettings(
        host=settings.host,
        port=settings.port,
        insecure=settings.insecure,
        allowed_origins=settings.allowed_origins,
        subscribers=settings.limits.subscribers,
        tokens=Tokens.load(Path(settings.tokens)) if settings.tokens else Tokens.none(),
        certificate=_certificate(settings),
    )
    return Service(settings, load_model(settings), server)


def _certificate(settings: ServeSettings) -> Certificate | None:
    if settings.certificate is None:
        return None
    key = settings.private_key
    return Certificate(Path(settings.certificate), Path(key) if key else None)


async def serve_streams(service: Service) -> None:
    """Run engine, sinks, streams and server until a signal comes; end them as events flow."""
    settings = service.settings
    stop = stop_on_signals()
    metrics = Metrics(version("cmlstream"), model_name(service.archive))
    engine = Engine(service.archive, metrics.estimated)
    metrics.watch_engine(lambda: engine.waiting)
    async with AsyncExitStack() as stack:
        redis = None
        if settings.redis:
            redis = await stack.enter_async_context(publishing_redis(settings.redis))
        outlets = _outlets(settings, redis, metrics)
        await engine.warm()
        _spare_the_collector()
        await _run(service, engine, outlets, metrics, stop)


@dataclass(frozen=True, slots=True, eq=False)
class Outlets:
    """Where events go, and what is said of it."""

    hub: Hub
    recorder: Recorder | None
    sinks: list[Sink]
    places: list[str]


def _outlets(settings: ServeSettings, redis: PublishingRedis | None, metrics: Metrics) -> Outlets:
    hub = Hub(log=redis.log if redis else None)
    metrics.watch_subscribers(lambda: hub.subscribers, lambda: hub.skipped_events)
    recorder = Recorder(Path(settings.record)) if settings.record else None
    sinks: list[Sink] = []
    places = []
    if redis:
        sink = redis.sink
        metrics.watch_redis(lambda: sink.waiting_events, lambda: sink.away, lambda: sink.skipped_events)
        sinks.append(sink)
        places.append(f"redis   {redis.place} (streams cmlstream:{{NAME}}:events)")
    if recorder:
        metrics.watch_recorder(lambda: recorder.skipped_events)
        sinks.append(recorder)
        places.append(f"record  {settings.record}")
    # The hub last: it wakes a thousand subscribers before it returns.
    return Outlets(hub, recorder, [*sinks, EventMeter(metrics), hub], places)


async def _run(
    service: Service, engine: Engine, outlets: Outlets, metrics: Metrics, stop: asyncio.Event
) -> None:
    settings, server, hub = service.settings, service.server, outlets.hub
    assemble = partial(
        assemble_pipeline,
        settings,
        engine,
        sinks=outlets.sinks,
        on_delay=metrics.delayed,
        recorder=outlets.recorder,
    )
    async with asyncio.TaskGroup() as tasks:
        helping = [
            tasks.create_task(engine.run()),
            tasks.create_task(measure_lateness(metrics.woke_late)),
            tasks.create_task(renew_on_hangup(_renewables(server))),
        ]
        for sink in outlets.sinks:
            tasks.create_task(sink.run())
        streams = Streams(tasks, assemble, settings.limits)
        metrics.watch_streams(lambda: len(streams), streams.totals)
        receiving = Receiving(streams, server.tokens, settings.limits, server.patience, metrics)
        async with serve(hub, server, receiving) as address:
            _announce(address, outlets.places)
            await stop.wait()
        for sink in outlets.sinks:
            await sink.close()
        for task in helping:
            task.cancel()


def _renewables(server: ServerSettings) -> list[Tokens | Certificate]:
    return [server.tokens, *([server.certificate] if server.certificate else [])]


def _allow_many_files() -> None:
    """Every sender, follower and recording holds a descriptor, and what shells allow at first is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _spare_the_collector() -> None:
    """Let garbage collection pass over all that was made so far and stays.

    Torch alone is hundreds of thousands of objects, and looking through them stops everything for 50 ms.
    """
    gc.collect()
    gc.freeze()


def _announce(address: Address, more: Sequence[str]) -> None:
    """Say where everything is, on standard error: standard output is for data."""
    places = (
        f"page    {address.page_url}",
        f"events  {address.events_url}",
        f"ingest  {address.ingest_url}",
    )
    for line in (*places, *more, NOTICE):
        click.echo(line, err=True)
