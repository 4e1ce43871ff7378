"""The live view in a terminal: level, speech, activation and valence with their course, emotion, delay."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cmlstream.stream.events import Affect, Gap, SpeechEnded, SpeechStarted, Status, StreamStarted

from .base import Sink

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from cmlstream.stream.events import Event, Message

COURSE_LENGTH = 40
REFRESHES_PER_S = 10
BAR_CELLS = 41
"""Odd, so that a bar over [-1, 1] has a middle."""

COURSE_STEPS = "▁▂▃▄▅▆▇█"
EMOTION_COLOURS = {"anger": "red", "happiness": "yellow", "neutral": "white", "sadness": "blue"}


@dataclass(slots=True)
class Picture:
    """What the view shows; changed by events, read by the drawing thread."""

    source: str = ""
    level_dbfs: float = -120.0
    clipping: bool = False
    muted: bool = False
    speaking: bool = False
    delay_ms: float | None = None
    dropped_samples: int = 0
    gaps: int = 0
    latest: Affect | SpeechEnded | None = None
    activation: deque[float] = field(default_factory=lambda: deque(maxlen=COURSE_LENGTH))
    valence: deque[float] = field(default_factory=lambda: deque(maxlen=COURSE_LENGTH))

    def show(self, event: Event) -> None:
        """Take over what an event tells."""
        match event:
            case StreamStarted():
                self.source = event.source
            case SpeechStarted():
                self.speaking = True
            case SpeechEnded():
                self.speaking = False
                if event.activation is not None:
                    self.latest = event
            case Affect():
                self.latest = event
                self.activation.append(event.activation)
                self.valence.append(event.valence)
            case Status():
                self.level_dbfs, self.clipping, self.muted = event.level_dbfs, event.clipping, event.muted
                self.delay_ms, self.dropped_samples = event.delay_ms, event.dropped_samples
            case Gap():
                self.gaps += 1
            case _:
                pass


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
        """Draw until closed."""
        with self._live:
            await self._closed.wait()

    def _render(self) -> RenderableType:
        return draw(self._picture, self._places)


def draw(picture: Picture, places: tuple[str, ...]) -> RenderableType:
    """Return the whole view; `places` says where else the events can be followed."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_column(style="cyan")
    table.add_row("level", _level_bar(picture.level_dbfs), _level_words(picture))
    table.add_row("voice", Text("● speaking", "green") if picture.speaking else Text("○ quiet", "dim"), "")
    latest = picture.latest
    table.add_row(
        "activation", _signed_bar(latest.activation if latest else None), _course(picture.activation)
    )
    table.add_row("valence", _signed_bar(latest.valence if latest else None), _course(picture.valence))
    for name, probability in (latest.emotion or {}).items() if latest else ():
        table.add_row(name, _share_bar(probability, EMOTION_COLOURS.get(name, "white")), f"{probability:.0%}")
    footer = Text("\n".join((_footing(picture), *places)), "dim")
    return Panel(Group(table, footer), title=Text(f"cmlstream · {picture.source}"), border_style="dim")


def _footing(picture: Picture) -> str:
    delay = "" if picture.delay_ms is None else f"delay {picture.delay_ms:.0f} ms · "
    latest = picture.latest
    trust = ""
    if latest and latest.confidence is not None and latest.novelty is not None:
        trust = (
            f"confidence {latest.confidence:.0%} · novelty {latest.novelty:.0%} · "
            f"baseline {latest.baseline_s:.0f} s · "
        )
    return f"{trust}{delay}dropped {picture.dropped_samples} samples · {picture.gaps} gaps · Ctrl-C ends"


def _level_words(picture: Picture) -> str:
    if picture.muted:
        return "muted: nothing but zeros arrives"
    if picture.clipping:
        return "clipping: turn the input down"
    return f"{picture.level_dbfs:.0f} dBFS"


def _level_bar(level_dbfs: float) -> Text:
    share = min(max((level_dbfs + 60) / 60, 0.0), 1.0)
    return _share_bar(share, "green" if level_dbfs < -6 else "red")


def _share_bar(share: float, colour: str) -> Text:
    filled = round(share * BAR_CELLS)
    return Text("━" * filled, colour) + Text("─" * (BAR_CELLS - filled), "bright_black")


def _signed_bar(value: float | None) -> Text:
    """Return a bar over [-1, 1], filled from the middle, with the value behind it."""
    side = BAR_CELLS // 2
    filled = 0 if value is None else round(abs(value) * side)
    empty, full = Text("─" * (side - filled), "bright_black"), Text("━" * filled, "magenta")
    blank = Text("─" * side, "bright_black")
    halves = (empty + full, blank) if value is not None and value < 0 else (blank, full + empty)
    number = "      " if value is None else f" {value:+.2f}"
    return halves[0] + Text("┃", "bold") + halves[1] + Text(number)


def _course(values: deque[float]) -> str:
    steps = len(COURSE_STEPS) - 1
    return "".join(COURSE_STEPS[round((min(max(value, -1), 1) + 1) / 2 * steps)] for value in tuple(values))
