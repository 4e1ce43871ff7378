"""The service: many streams over the network, one engine, every place where events go; and how it ends."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .assembly import NOTICE, assemble_pipeline, load_model, publishing_redis
from .config import read
from .engine import Engine
from .server.receiving import Receiving
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


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """What is needed to serve, all of it checked and loaded before anything is opened."""

    settings: ServeSettings
    archive: Archive
    server: ServerSettings


def run_serve(overrides: dict[str, object], config: Path | None, *, print_config: bool) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises ModelError or ConfigurationError for what cannot be used, ServiceError where Redis or the port
    refuses.
    """
    configuration = read(ServeSettings, config, os.environ, overrides)
    if print_config:
        click.echo(shown(configuration))
        return
    asyncio.run(serve_streams(prepare(configuration.settings)))


def prepare(settings: ServeSettings) -> Service:
    """Load the model, the tokens and the certificate; raises as `run_serve` does."""
    certificate = None
    if settings.certificate is not None:
        key = settings.private_key
        certificate = Certificate(Path(settings.certificate), Path(key) if key else None)
    server = ServerSettings(
        host=settings.host,
        port=settings.port,
        insecure=settings.insecure,
        allowed_origins=settings.allowed_origins,
        subscribers=settings.limits.subscribers,
        tokens=Tokens.load(Path(settings.tokens)) if settings.tokens else Tokens.none(),
        certificate=certificate,
    )
    return Service(settings, load_model(settings), server)


async def serve_streams(service: Service) -> None:
    """Run engine, sinks, streams and server in one task group; end them in the order in which events flow."""
    settings = service.settings
    stop = stop_on_signals()
    engine = Engine(service.archive)
    hub = Hub()
    sinks: list[Sink] = [hub]
    async with AsyncExitStack() as stack:
        redis = None
        if settings.redis:
            redis = await stack.enter_async_context(publishing_redis(settings.redis))
            sinks.append(redis.sink)
        await engine.warm()
        async with asyncio.TaskGroup() as tasks:
            estimating = tasks.create_task(engine.run())
            for sink in sinks:
                tasks.create_task(sink.run())
            streams = Streams(
                tasks, partial(assemble_pipeline, settings, engine, sinks=sinks), settings.limits
            )
            receiving = Receiving(streams, service.server.tokens, settings.limits, service.server.patience)
            async with serve(hub, service.server, receiving) as address:
                _announce(address, redis.place if redis else None)
                await stop.wait()
            for sink in sinks:
                await sink.close()
            estimating.cancel()


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
