"""The main job: one source, one session, every sink that was asked for; and the order in which they end."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Console

from cmlstream.models.errors import CmlstreamError, InputError

from .assembly import load_model
from .config import load
from .node import running_node
from .publishing import NOTICE
from .server.serve import ServerSettings
from .settings import LimitSettings, ListenSettings
from .signals import stop_on_hangup, stop_on_signals
from .sinks.lines import LineSink, json_line, text_line
from .sinks.terminal import LiveView
from .sources.open import SourceSettings, open_lasting, open_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cmlstream.models.archive import Archive

    from .node import Node
    from .sinks.base import Sink
    from .sources.base import Source


def run_listen(overrides: dict[str, object], config: Path | None, *, as_json: bool) -> None:
    """Run `cmlstream listen`; settings, source and model come first, so that mistakes show at once."""
    listening = prepare(load(ListenSettings, config, os.environ, overrides))
    asyncio.run(listen(listening, Console(stderr=True), as_json=as_json))


@dataclass(frozen=True, slots=True, eq=False)
class Listening:
    """What is needed to listen, all of it checked and loaded before anything is opened."""

    settings: ListenSettings
    source: Source
    archive: Archive


def prepare(settings: ListenSettings) -> Listening:
    """Load the model and find the source.

    Raises ModelError, InputError or ConfigurationError for what cannot be used.
    """
    return Listening(settings, _source(settings), load_model(settings))


def _source(settings: ListenSettings) -> Source:
    """Find the source: where nobody named one and there is no microphone, the sample at its own pace."""
    wanted = SourceSettings(settings.rate, settings.channels, settings.channel, settings.realtime)
    if settings.source is not None:
        return open_lasting(settings.source, wanted, _tell_of_break)
    try:
        return open_lasting("mic", wanted, _tell_of_break)
    except InputError as error:
        click.echo(f"Playing the synthetic sample that ships, since {error}.", err=True)
        return open_source("sample", SourceSettings(realtime=True))


def _tell_of_break(reason: str | None) -> None:
    click.echo(f"{reason}; waiting for it" if reason else "The microphone is back", err=True)


async def listen(listening: Listening, console: Console, *, as_json: bool) -> None:
    """Listen until the source ends, or SIGINT, SIGTERM or SIGHUP (the terminal is closed) asks to stop.

    A second SIGINT or SIGTERM stops at once.
    Raises ServiceError where Redis or the port refuses, InputError where the source does.
    """
    settings = listening.settings
    stop = stop_on_signals()
    stop_on_hangup(stop)
    server = ServerSettings(settings.host, settings.port, settings.insecure, settings.allowed_origins)
    failure: CmlstreamError | None = None
    async with running_node(settings, LimitSettings(), server, listening.archive) as node:
        output = _output(console, _places(node, settings), stop, as_json=as_json)
        sinks = [*node.outlets.sinks, output]
        pipeline = node.assemble(settings.stream, listening.source, sinks=sinks)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(output.run())
            try:
                with node.streams.hosting(settings.stream, pipeline, listening.source):
                    await pipeline.run(stop)
            except CmlstreamError as error:
                failure = error
            await output.close()
    if failure:
        raise failure


def _places(node: Node, settings: ListenSettings) -> list[str]:
    """Say where else the stream can be followed."""
    address, redis = node.address, node.outlets.redis
    places = [f"page    {address.page_url}", f"events  {address.events_url}?stream={settings.stream}"]
    if redis:
        places.append(f"redis   {redis.place} (stream cmlstream:{{{settings.stream}}}:events)")
    if settings.record:
        places.append(f"record  {settings.record}")
    return [*places, NOTICE]


def _output(console: Console, places: Sequence[str], stop: asyncio.Event, *, as_json: bool) -> Sink:
    """Choose what this terminal or pipe gets: JSON, the live view, or a line per region."""
    if as_json or not (console.is_terminal and sys.stdout.isatty()):
        for place in places:
            click.echo(place, err=True)
        return LineSink(sys.stdout.fileno(), json_line if as_json else text_line, stop)
    return LiveView(console, tuple(places))
