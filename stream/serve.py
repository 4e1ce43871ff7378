"""The service: many streams over the network, one engine, every place where events go; and how it ends."""

from __future__ import annotations

import asyncio
import gc
import os
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
    from cmlstream.models.archive import Archive

    from .server.serve import Address
    from .sinks.base import Sink
    from .sinks.redis import RedisSink


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
    """Run engine, sinks, streams and server in one task group; end them in the order in which events flow."""
    settings = service.settings
    stop = stop_on_signals()
    metrics = Metrics(version("cmlstream"), model_name(service.archive))
    engine = Engine(service.archive, metrics.estimated)
    metrics.watch_engine(lambda: engine.waiting)
    hub = Hub()
    metrics.watch_subscribers(lambda: hub.subscribers, lambda: hub.skipped_events)
    sinks: list[Sink] = [hub, EventMeter(metrics)]
    async with AsyncExitStack() as stack:
        redis = None
        if settings.redis:
            redis = await stack.enter_async_context(publishing_redis(settings.redis))
            _watch_redis(metrics, redis.sink)
            sinks.append(redis.sink)
        await engine.warm()
        _spare_the_collector()
        async with asyncio.TaskGroup() as tasks:
            helping = [
                tasks.create_task(engine.run()),
                tasks.create_task(measure_lateness(metrics.woke_late)),
                tasks.create_task(renew_on_hangup(_renewables(service.server))),
            ]
            for sink in sinks:
                tasks.create_task(sink.run())
            assemble = partial(assemble_pipeline, settings, engine, sinks=sinks, on_delay=metrics.delayed)
            streams = Streams(tasks, assemble, settings.limits)
            metrics.watch_streams(lambda: len(streams), streams.totals)
            receiving = Receiving(
                streams, service.server.tokens, settings.limits, service.server.patience, metrics
            )
            async with serve(hub, service.server, receiving) as address:
                _announce(address, redis.place if redis else None)
                await stop.wait()
            for sink in sinks:
                await sink.close()
            for task in helping:
                task.cancel()


def _watch_redis(metrics: Metrics, sink: RedisSink) -> None:
    metrics.watch_redis(lambda: sink.waiting_events, lambda: sink.away, lambda: sink.skipped_events)


def _renewables(server: ServerSettings) -> list[Tokens | Certificate]:
    return [server.tokens, *([server.certificate] if server.certificate else [])]


def _spare_the_collector() -> None:
    """Let garbage collection pass over all that was made so far and stays.

    Torch alone is hundreds of thousands of objects, and looking through them stops everything for 50 ms.
    """
    gc.collect()
    gc.freeze()


def _announce(address: Address, redis_place: str | None) -> None:
    """Say where everything is, on standard error: standard output is for data."""
    places = [
        f"page    {address.page_url}",
        f"events  {address.events_url}",
        f"ingest  {address.ingest_url}",
    ]
    if redis_place:
        places.append(f"redis   {redis_place} (streams cmlstream:{{NAME}}:events)")
    for line in (*places, NOTICE):
        click.echo(line, err=True)
