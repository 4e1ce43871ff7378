"""A recording published again, to everybody whom `listen` would publish to."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import click
from rich.console import Console

from cmlstream.models.errors import ConfigurationError, InputError, ServiceError

from .events import Message
from .publishing import NOTICE, publishing_redis
from .recording.reading import find_sessions
from .recording.timeline import timeline
from .server.serve import ServerSettings, serve
from .signals import stop_on_signals
from .sinks.hub import Hub
from .sinks.lines import LineSink, json_line, named_line
from .sinks.overview import Overview
from .stopping import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
    from pathlib import Path

    from .recording.reading import RecordedSession
    from .recording.timeline import Cue
    from .sinks.base import Sink

FASTEST = "max"
LONGEST_PAUSE_S = 5.0
"""Nobody waits longer for a recording to go on: a night lies between two sessions, not between two events."""

READ_AT_ONCE = 200
"""Events read in one trip to the reading thread."""


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What `cmlstream replay` can be told."""

    host: str = "127.0.0.1"
    port: int = 8765
    insecure: bool = False
    redis: str | None = None
    speed: str = "1"
    """How many times faster than recorded, or FASTEST."""
    as_json: bool = False


def run_replay(folder: Path, settings: ReplaySettings) -> None:
    """Run `cmlstream replay`.

    Raises InputError where the folder holds no recording or cannot be read, ConfigurationError where a
    setting makes no sense, ServiceError where Redis or the port refuses.
    """
    pace = pace_of(settings.speed)
    asyncio.run(replay(_find(folder), pace, settings))


async def replay(sessions: Sequence[RecordedSession], pace: Pace, settings: ReplaySettings) -> None:
    """Publish until the recording ends or SIGINT or SIGTERM asks to stop. Raises as `run_replay` does."""
    stop = stop_on_signals()
    hub = Hub()
    sinks: list[Sink] = [hub]
    server = ServerSettings(settings.host, settings.port, settings.insecure)
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serve(hub, server))
        places = [f"page    {address.page_url}", f"events  {address.events_url}"]
        if settings.redis:
            redis = await stack.enter_async_context(publishing_redis(settings.redis))
            sinks.append(redis.sink)
            places.append(f"redis   {redis.place} (streams cmlstream:{{NAME}}:events)")
        for line in (*places, NOTICE):
            click.echo(line, err=True)
        shown, say = _output(settings, stop)
        sinks.append(shown)
        async with asyncio.TaskGroup() as tasks:
            for sink in sinks:
                tasks.create_task(sink.run())
            try:
                await _publish(sessions, pace, sinks, say, stop)
            finally:
                for sink in sinks:
                    await sink.close()
        if settings.redis:
            _check_taken(redis.sink.skipped_events)


def _check_taken(missing_events: int) -> None:
    """Raise ServiceError where Redis did not take all: a replay that seems to work would mislead."""
    if missing_events:
        raise ServiceError(
            f"Redis did not take {missing_events} of the recorded events: it holds newer ones of these "
            "streams, or was away. Name another database, or --redis embedded."
        )


def _output(settings: ReplaySettings, stop: asyncio.Event) -> tuple[Sink, Callable[[str], None]]:
    """Choose what this terminal or pipe gets, and how it is told what cannot be read."""
    console = Console(stderr=True)
    if settings.as_json or not (console.is_terminal and sys.stdout.isatty()):
        line = json_line if settings.as_json else named_line
        return LineSink(sys.stdout.fileno(), line, stop), partial(click.echo, err=True)
    overview = Overview(console)
    return overview, overview.say


async def _publish(
    sessions: Sequence[RecordedSession],
    pace: Pace,
    sinks: Sequence[Sink],
    say: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    async with aclosing(until(stop, pace.keep(_on_a_thread(timeline(sessions))))) as cues:
        async for cue in cues:
            if isinstance(cue.item, Message):
                for sink in sinks:
                    await sink.publish(cue.item)
            else:
                say(str(cue.item))


class Pace:
    """The speed of a replay: `speed` times that of the recording, infinite for as fast as it goes."""

    def __init__(self, speed: float) -> None:
        self._speed = speed

    async def keep(self, cues: AsyncGenerator[Cue, None]) -> AsyncGenerator[Cue, None]:
        """Yield each cue when it is due; a late reader catches up, and nothing drifts."""
        due_s, last_s = time.monotonic(), math.inf
        async with aclosing(cues):
            async for cue in cues:
                due_s += min(max(cue.at_s - last_s, 0.0), LONGEST_PAUSE_S) / self._speed
                last_s = cue.at_s
                if (wait_s := due_s - time.monotonic()) > 0:
                    await asyncio.sleep(wait_s)
                yield cue


def pace_of(speed: str) -> Pace:
    """Return the pace that `--speed` asks for; raises ConfigurationError where it makes no sense."""
    try:
        times = math.inf if speed == FASTEST else float(speed)
    except ValueError:
        times = math.nan
    if not times > 0 or (math.isinf(times) and speed != FASTEST):
        raise ConfigurationError(f"--speed is {speed!r}: give a number above 0, or {FASTEST}.")
    return Pace(times)


def _find(folder: Path) -> Sequence[RecordedSession]:
    try:
        sessions = find_sessions(folder)
    except OSError as error:
        raise _unreadable(error) from error
    if not sessions:
        raise InputError(
            f"{folder} holds no recording: name a folder that was given to --record, or one in it."
        )
    return sessions


async def _on_a_thread(cues: Iterator[Cue]) -> AsyncGenerator[Cue, None]:
    """Yield what is read from files, without waiting for a disk on the event loop."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="replay")
    try:
        while some := await loop.run_in_executor(thread, list, islice(cues, READ_AT_ONCE)):
            for cue in some:
                yield cue
    except OSError as error:
        raise _unreadable(error) from error
    finally:
        thread.shutdown(wait=False)


def _unreadable(error: OSError) -> InputError:
    return InputError(f"{error.filename} cannot be read ({error.strerror}): make it readable for this user.")
