"""How sending goes: a small live view in a terminal, elsewhere a line whenever the link changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING

import click
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cmlstream.models.contract import SAMPLE_RATE

from .client.states import Connected, Connecting, Lost
from .meter import FLOOR_DBFS, Meter
from .sinks.bars import level_bar
from .sources.base import Chunk, Source

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractContextManager

    from rich.console import Console, RenderableType

    from .client.sender import Progress, Sender
    from .client.states import State
    from .sources.base import Heard

REFRESHES_PER_S = 5
METERED_SAMPLES = SAMPLE_RATE // 5


class Metered(Source):
    """Another source, whose level can be seen as it passes."""

    def __init__(self, source: Source) -> None:
        self.description = source.description
        self.level_dbfs = FLOOR_DBFS
        self._source = source
        self._meter = Meter()

    @property
    def paced(self) -> bool:  # type: ignore[override]  # some sources know it once they are open
        """Whether audio arrives as time passes."""
        return self._source.paced

    async def chunks(self) -> AsyncGenerator[Heard, None]:
        """Yield what the source yields; raises InputError as it does."""
        async with aclosing(self._source.chunks()) as chunks:
            async for one in chunks:
                if isinstance(one, Chunk):
                    self._meter.push(one.samples_T)
                    if self._meter.samples >= METERED_SAMPLES:
                        self.level_dbfs = self._meter.read().level_dbfs
                yield one


class Report(ABC):
    """Tells the user on standard error how sending goes."""

    def __init__(self) -> None:
        self._sender: Sender | None = None
        self._source: Metered | None = None
        self._session: str | None = None
        self._link = ""
        self._trouble: str | None = None

    def follow(self, sender: Sender, source: Metered) -> None:
        """Tell from now on how this sender gets on."""
        self._sender, self._source = sender, source
        self._session = sender.progress.session

    def link(self, state: State) -> None:
        """Take note that the link changed."""
        if isinstance(state, Connecting):
            return
        words = self._words(state)
        if words != self._link:
            self._link = words
            self._say(words)

    def source_broke(self, reason: str | None) -> None:
        """Take note that the source is gone, or with None that it is back."""
        self._trouble = reason
        self._say(f"{reason}; waiting for it" if reason else "The source is back")

    @abstractmethod
    def shown(self) -> AbstractContextManager[object]:
        """Report for as long as the context lasts."""

    @abstractmethod
    def _say(self, words: str) -> None:
        """Tell once what has changed."""

    def _words(self, state: Connected | Lost) -> str:
        if isinstance(state, Lost):
            return f"No connection: {state.why}; trying again"
        session = self._sender.progress.session if self._sender else None
        renewed, self._session = session != self._session, session
        news = ": the server has begun a new session with what was left" if renewed else ""
        return f"Connected to {state.address}{news}"


class LineReport(Report):
    """Writes a line whenever something changes."""

    def shown(self) -> AbstractContextManager[object]:
        """Report as things happen."""
        return nullcontext()

    def _say(self, words: str) -> None:
        click.echo(words, err=True)


class LiveReport(Report):
    """Draws on a terminal, from a thread of rich's own."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=REFRESHES_PER_S)

    def shown(self) -> AbstractContextManager[object]:
        """Draw for as long as the context lasts, and leave the last picture standing."""
        return self._live

    def _say(self, words: str) -> None:
        """The next picture shows it."""

    def _draw(self) -> RenderableType:
        if self._sender is None or self._source is None:
            return Text(self._link or "Connecting", "dim")
        return draw(self._sender.progress, self._source, self._link, self._trouble)


def draw(progress: Progress, source: Metered, link: str, trouble: str | None) -> RenderableType:
    """Return the whole view; `trouble` is why the source is silent, if it is."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_row(
        "source", Text(f"{trouble}; waiting for it", "red") if trouble else Text(source.description)
    )
    table.add_row("level", level_bar(source.level_dbfs) + Text(f"  {source.level_dbfs:.0f} dBFS"))
    table.add_row("link", Text(link))
    table.add_row("delay", "" if progress.delay_s is None else f"{progress.delay_s * 1000:.0f} ms")
    table.add_row("sent", f"{progress.acknowledged_frames / SAMPLE_RATE:.1f} s")
    table.add_row("buffered", _buffered(progress))
    return Panel(table, title="cmlstream send", border_style="dim")


def _buffered(progress: Progress) -> str:
    lost = progress.skipped_frames / SAMPLE_RATE
    return f"{progress.buffered_frames / SAMPLE_RATE:.1f} s" + (f", lost {lost:.1f} s" if lost else "")
