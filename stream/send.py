"""`cmlstream send`: a microphone, a file or a pipe to a server, for as long as it lasts."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console

from cmlstream.models.errors import InputError, ServiceError

from .client.sender import open_sender
from .client.sending import feed
from .own_token import read_token
from .sending_view import LineReport, LiveReport, Metered
from .signals import stop_on_signals
from .sources.open import SourceSettings, open_lasting

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from .client.sender import Sender
    from .ingest import Summary
    from .sending_view import Report
    from .sources.base import Source

PARTING_S = 5.0
"""How long the summary may take once the user asked to stop."""

_NO_STREAM_NAME = re.compile(r"^[^A-Za-z0-9]+|[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class SendSettings:
    """Everything `cmlstream send` can be told."""

    source: str
    url: str
    stream: str | None = None
    """None is the name of this machine."""
    token_file: Path | None = None
    wanted: SourceSettings = field(default_factory=SourceSettings)


def run_send(settings: SendSettings, *, as_json: bool) -> None:
    """Send until the source ends or SIGINT or SIGTERM asks to stop, and tell what became of it.

    Raises InputError where the source, ConfigurationError where another option cannot be used, ServiceError
    where the server refuses or is not there at first, or gives no summary within 5 s of a signal.
    """
    token = read_token(settings.token_file)
    console = Console(stderr=True)
    report: Report = LiveReport(console) if console.is_terminal else LineReport()
    source = open_lasting(settings.source, settings.wanted, report.source_broke)
    summary = asyncio.run(_send(settings, token, source, report))
    if as_json:
        click.echo(msgspec.json.encode(summary))
    else:
        click.echo(_told(summary), err=True)


def default_stream() -> str:
    """Return the name of this machine as a stream may be called."""
    return _NO_STREAM_NAME.sub("-", socket.gethostname()).lstrip("-")[:64] or "sender"


async def _send(settings: SendSettings, token: str | None, source: Source, report: Report) -> Summary:
    stop = stop_on_signals()
    metered = Metered(source)
    with report.shown():
        async with open_sender(
            settings.url,
            stream=settings.stream or default_stream(),
            live=source.paced,
            token=token,
            on_state=report.link,
        ) as sender:
            report.follow(sender, metered)
            try:
                await _unless(stop, feed(sender, metered))
            except InputError:
                await _summary(sender, stop)
                raise
            return await _summary(sender, stop)


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do `work` until it is done or `stop` is set; raises what it raises."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.wait({working, stopping})


async def _summary(sender: Sender, stop: asyncio.Event) -> Summary:
    """End the stream; once the user asked to stop, its summary has to come within 5 s."""
    ending = asyncio.create_task(sender.end())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.timeout(PARTING_S):
            return await ending
    except TimeoutError:
        left_s = sender.progress.buffered_frames / 16_000
        raise ServiceError(
            f"The server did not answer the end within {PARTING_S:g} s: {left_s:.1f} s of audio may be lost"
        ) from None
    finally:
        stopping.cancel()
        ending.cancel()


def _told(summary: Summary) -> str:
    lost = f", {summary.dropped_samples} samples lost" if summary.dropped_samples else ""
    return (
        f"Sent {summary.audio_s:.1f} s of audio with {summary.speech_s:.1f} s of speech in {summary.regions} "
        f"regions: {summary.events} events{lost} (session {summary.session})."
    )
