"""The main job: one source, one session, every sink that was asked for; and the order in which they end."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from cmlstream.models.errors import CmlstreamError, InputError

from .assembly import assemble_pipeline, load_model
from .config import load
from .engine import Engine
from .publishing import NOTICE, publishing_redis
from .recording.recorder import Recorder
from .server.serve import ServerSettings, serve
from .settings import ListenSettings
from .signals import stop_on_signals
from .sinks.hub import Hub
from .sinks.lines import LineSink, json_line, text_line
from .sinks.terminal import LiveView
from .sources.open import SourceSettings, open_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cmlstream.models.archive import Archive

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
        return open_source(settings.source, wanted)
    try:
        return open_source("mic", wanted)
    except InputError as error:
        click.echo(f"No microphone: {error}. Playing the synthetic sample that ships instead.", err=True)
        return open_source("sample", SourceSettings(realtime=True))


async def listen(listening: Listening, console: Console, *, as_json: bool) -> None:
    """Listen until the source ends or SIGINT or SIGTERM asks to stop; a second signal stops at once.

    Raises ServiceError where Redis or the port refuses, InputError where the source does.
    """
    settings = listening.settings
    stop = stop_on_signals()
    server = ServerSettings(settings.host, settings.port, settings.insecure, settings.allowed_origins)
    async with AsyncExitStack() as stack:
        redis = None
        if settings.redis:
            redis = await stack.enter_async_context(publishing_redis(settings.redis))
        hub = Hub(log=redis.log if redis else None)
        address = await stack.enter_async_context(serve(hub, server))
        places = [f"page    {address.page_url}", f"events  {address.events_url}?stream={settings.stream}"]
        sinks: list[Sink] = [hub]
        if redis:
            sinks.append(redis.sink)
            places.append(f"redis   {redis.place} (stream cmlstream:{{{settings.stream}}}:events)")
        recorder = Recorder(Path(settings.record)) if settings.record else None
        if recorder:
            sinks.append(recorder)
            places.append(f"record  {settings.record}")
        places.append(NOTICE)
        sinks.append(_output(console, places, stop, as_json=as_json))
        await _run(listening, sinks, recorder, stop)


def _output(console: Console, places: Sequence[str], stop: asyncio.Event, *, as_json: bool) -> Sink:
    """Choose what this terminal or pipe gets: JSON, the live view, or a line per region."""
    if as_json or not (console.is_terminal and sys.stdout.isatty()):
        for place in places:
            click.echo(place, err=True)
        return LineSink(sys.stdout.fileno(), json_line if as_json else text_line, stop)
    return LiveView(console, tuple(places))


async def _run(
    listening: Listening, sinks: Sequence[Sink], recorder: Recorder | None, stop: asyncio.Event
) -> None:
    """Run engine, sinks and pipeline in one task group; end them in the order in which events flow."""
    engine = Engine(listening.archive)
    await engine.warm()
    settings = listening.settings
    pipeline = assemble_pipeline(
        settings, engine, settings.stream, listening.source, sinks, recorder=recorder
    )
    failure: CmlstreamError | None = None
    async with asyncio.TaskGroup() as tasks:
        estimating = tasks.create_task(engine.run())
        for sink in sinks:
            tasks.create_task(sink.run())
        try:
            await pipeline.run(stop)
        except CmlstreamError as error:
            failure = error
        for sink in sinks:
            await sink.close()
        estimating.cancel()
    if failure:
        raise failure
