"""The live view in a terminal: level, speech, activation and valence with their course, emotion, delay."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cmlstream.stream.plain import plain

from .bars import EMOTION_COLOURS, course, level_bar, share_bar, signed_bar
from .base import Sink
from .picture import Picture

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from cmlstream.stream.events import Message

REFRESHES_PER_S = 10


class LiveView(Sink):
    """Draws on a terminal from a thread of rich's own; publishing only changes a few fields."""

    def __init__(self, console: Console, places: tuple[str, ...]) -> None:
        self._places = places
        self._picture = Picture()
        self._closed = asyncio.Event()
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=REFRESHES_PER_S, transient=False
        )

    async def publish(self, message: Message) -> None:
        """Show the event at the next refresh."""
        self._picture.show(message.event)

    async def close(self) -> None:
        """Leave the last picture standing."""
        self._closed.set()

    async def run(self) -> None:
        """Draw until closed; a terminal that is gone by then is no failure."""
        with suppress(OSError), self._live:
            await self._closed.wait()

    def _render(self) -> RenderableType:
        return draw(self._picture, self._places)


def draw(picture: Picture, places: tuple[str, ...]) -> RenderableType:
    """Return the whole view; `places` says where else the events can be followed."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_column(style="cyan")
    table.add_row("level", level_bar(picture.level_dbfs), level_words(picture))
    table.add_row("voice", _voice(picture), "")
    latest = picture.latest
    table.add_row("activation", _axis(latest.activation if latest else None), course(picture.activation))
    table.add_row("valence", _axis(latest.valence if latest else None), course(picture.valence))
    for name, probability in (latest.emotion or {}).items() if latest else ():
        table.add_row(
            plain(name, 20), share_bar(probability, EMOTION_COLOURS.get(name, "white")), f"{probability:.0%}"
        )
    footer = Text("\n".join((_footing(picture), *places)), "dim")
    return Panel(Group(table, footer), title=Text(f"cmlstream · {plain(picture.source)}"), border_style="dim")


def _footing(picture: Picture) -> str:
    delay = "" if picture.delay_ms is None else f"delay {picture.delay_ms:.0f} ms · "
    latest = picture.latest
    trust = ""
    if latest and latest.confidence is not None and latest.novelty is not None:
        trust = (
            f"confidence {latest.confidence:.0%} · novelty {latest.novelty:.0%} · "
            f"baseline {latest.baseline_s:.0f} s · "
        )
    return f"{trust}{delay}{losses(picture)} · Ctrl-C ends"


def losses(picture: Picture) -> str:
    """Return what did not get through, so far."""
    told = [f"dropped {picture.dropped_samples} samples", f"{picture.gaps} gaps"]
    if picture.thinned_updates:
        told.append(f"{picture.thinned_updates} updates thinned")
    if picture.skipped_events:
        told.append(f"{picture.skipped_events} events skipped")
    return " · ".join(told)


def _voice(picture: Picture) -> Text:
    if picture.ended:
        return Text("■ ended", "dim")
    return Text("● speaking", "green") if picture.speaking else Text("○ quiet", "dim")


def _axis(value: float | None) -> Text:
    """Return a bar over [-1, 1] with the value behind it."""
    return signed_bar(value) + Text("      " if value is None else f" {value:+.2f}")


def level_words(picture: Picture) -> str:
    """Return what people should know of the level."""
    if picture.muted:
        return "muted: nothing but zeros arrives"
    if picture.clipping:
        return "clipping: turn the input down"
    return f"{picture.level_dbfs:.0f} dBFS"
