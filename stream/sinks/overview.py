"""The live view of whatever streams there are: one large, several side by side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from cmlstream.stream.plain import plain

from .base import Sink
from .board import board
from .picture import Picture
from .terminal import REFRESHES_PER_S, draw

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from cmlstream.stream.events import Message

STREAMS = 1_000
"""Remembered at most; those that have ended are forgotten first, then the oldest."""
FRAME_ROWS = 3
"""The board's heading and the footer, and one that keeps the terminal from scrolling."""


class Overview(Sink):
    """Draws on a terminal from a thread of rich's own; publishing only changes a few fields."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pictures: dict[str, Picture] = {}
        self._footer = ""
        self._closed = asyncio.Event()
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=REFRESHES_PER_S)

    async def publish(self, message: Message) -> None:
        """Show the event at the next refresh."""
        event = message.event
        picture = self._pictures.get(event.stream)
        if picture is None:
            # The drawing thread reads while we write: it gets a new dictionary, never one that grows.
            picture = Picture()
            self._pictures = {**_without_oldest(self._pictures), event.stream: picture}
        picture.show(event)

    def say(self, text: str) -> None:
        """Show `text` below from the next refresh on."""
        self._footer = text

    async def close(self) -> None:
        """Leave the last picture standing."""
        self._closed.set()

    async def run(self) -> None:
        """Draw until closed."""
        with self._live:
            await self._closed.wait()

    def _render(self) -> RenderableType:
        pictures = self._pictures
        if len(pictures) == 1:
            return draw(next(iter(pictures.values())), (self._footer,))
        width, height = self._console.size
        footer = Text(plain(f"{self._footer} · Ctrl-C ends", width), "dim")
        if not pictures:
            return footer
        return Group(board(pictures, width, height - FRAME_ROWS), footer)


def _without_oldest(pictures: dict[str, Picture]) -> dict[str, Picture]:
    if len(pictures) < STREAMS:
        return pictures
    dropped = next((name for name, picture in pictures.items() if picture.ended), next(iter(pictures)))
    return {name: picture for name, picture in pictures.items() if name != dropped}
