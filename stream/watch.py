"""`cmlstream watch`: the events of a server or a Redis, as a live view, a line per region, or JSON lines."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click
from rich.console import Console

from cmlstream.models.errors import CmlstreamError, ConfigurationError

from .client.address import is_redis
from .client.following import open_link, received
from .client.states import Connected, Lost
from .client.wanted import Wanted
from .events import Message
from .own_token import read_token
from .redis_keys import started_ms
from .selection import EVERY_STREAM, SelectionError, parse_selection
from .signals import stop_on_signals
from .sinks.lines import LineSink, json_line, named_line
from .sinks.overview import Overview
from .stopping import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from .client.received import Received
    from .client.states import Report, State
    from .sinks.base import Sink


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What `cmlstream watch` can be told."""

    url: str
    streams: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    features: bool = False
    embedding: bool = True
    until_end: bool = False
    token_file: Path | None = None
    as_json: bool = False


def run_watch(options: WatchOptions) -> None:
    """Watch until SIGINT or SIGTERM, a closed pipe or, where that was asked for, the streams' end.

    Raises ConfigurationError for options that make no sense, ServiceError where the other side refuses.
    """
    asyncio.run(_watch(options, _wanted(options), Console(stderr=True)))


def _wanted(options: WatchOptions) -> Wanted:
    """Read the options, all at once: what is wrong is said before anything is opened."""
    asked = [("stream", one) for one in options.streams] + [("since", one) for one in options.since]
    try:
        since = parse_selection(urlencode(asked)).since
    except SelectionError as error:
        raise ConfigurationError(str(error)) from None
    wanted = Wanted(
        () if EVERY_STREAM in options.streams else options.streams,
        options.types,
        options.features,
        options.embedding,
        since,
        until_end=options.until_end,
    )
    wanted.check()
    return wanted


async def _watch(options: WatchOptions, wanted: Wanted, console: Console) -> None:
    stop = stop_on_signals()
    sink, report = _output(options, console, stop)
    token = None if is_redis(options.url) else await asyncio.to_thread(read_token, options.token_file)
    link = open_link(options.url, wanted, report, token=token)
    await _show(until(stop, received(link, wanted, report)), sink)


async def _show(arriving: AsyncGenerator[Received, None], sink: Sink) -> None:
    failure: CmlstreamError | None = None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sink.run())
        try:
            async for one in arriving:
                await sink.publish(Message(one.event, one.payload, started_ms(one.event.session) or 0))
        except CmlstreamError as error:
            failure = error
        await sink.close()
    if failure:
        raise failure


def _output(options: WatchOptions, console: Console, stop: asyncio.Event) -> tuple[Sink, Report]:
    """Choose what this terminal or pipe gets, and how it learns of the connection."""
    if options.as_json or not (console.is_terminal and sys.stdout.isatty()):
        line = json_line if options.as_json else named_line
        return LineSink(sys.stdout.fileno(), line, stop), Announced(_say)
    overview = Overview(console)
    return overview, Announced(overview.say)


def _say(text: str) -> None:
    click.echo(text, err=True)


class Announced:
    """Tells people how the connection fares; that it fails again and again is no news."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lost = False

    def __call__(self, state: State) -> None:
        """Take note of `state`."""
        match state:
            case Connected():
                self._say(f"connected to {state.address}")
            case Lost() if not self._lost:
                self._say(f"{state.why}; trying again")
            case _:
                pass
        self._lost = isinstance(state, Lost) or (self._lost and not isinstance(state, Connected))
