"""The service: many streams over the network, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cmlstream.models.errors import ConfigurationError

from .assembly import load_model
from .config import read
from .node import running_node
from .publishing import NOTICE
from .server.renewal import renew_on_hangup
from .server.serve import ServerSettings
from .server.tls import Certificate
from .server.tokens import Tokens
from .settings import ServeSettings
from .shown import shown
from .signals import stop_on_signals

if TYPE_CHECKING:
    from cmlstream.models.archive import Archive

    from .node import Node


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
    key = settings.private_key
    if settings.certificate is None:
        if key:
            raise ConfigurationError(
                f"The private key {key} has no certificate, so nothing would be encrypted: add --certificate."
            )
        return None
    return Certificate(Path(settings.certificate), Path(key) if key else None)


async def serve_streams(service: Service) -> None:
    """Serve until SIGINT or SIGTERM; a second signal stops at once. SIGHUP reads tokens and certificate anew.

    Raises as `run_serve` does.
    """
    stop = stop_on_signals()
    settings = service.settings
    async with asyncio.TaskGroup() as tasks:
        renewing = tasks.create_task(renew_on_hangup(_renewables(service.server)))
        async with running_node(settings, settings.limits, service.server, service.archive) as node:
            _announce(node, settings)
            await stop.wait()
        renewing.cancel()


def _renewables(server: ServerSettings) -> list[Tokens | Certificate]:
    return [server.tokens, *([server.certificate] if server.certificate else [])]


def _allow_many_files() -> None:
    """Every sender, follower and recording holds a descriptor, and what shells allow at first is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _announce(node: Node, settings: ServeSettings) -> None:
    """Say where everything is, on standard error: standard output is for data."""
    address, redis = node.address, node.outlets.redis
    places = [f"page    {address.page_url}", f"events  {address.events_url}", f"ingest  {address.ingest_url}"]
    if redis:
        places.append(f"redis   {redis.place} (streams cmlstream:{{NAME}}:events)")
    if settings.record:
        places.append(f"record  {settings.record}")
    for line in (*places, NOTICE):
        click.echo(line, err=True)
