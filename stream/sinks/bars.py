"""Bars and courses of text, from which the live views are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

BAR_CELLS = 41
"""Odd, so that a bar over [-1, 1] has a middle."""
QUIETEST_DBFS = -60
LOUD_DBFS = -6

COURSE_STEPS = "▁▂▃▄▅▆▇█"
EMOTION_COLOURS = {"anger": "red", "happiness": "yellow", "neutral": "white", "sadness": "blue"}


def level_bar(level_dbfs: float, cells: int = BAR_CELLS) -> Text:
    """Return a bar over -60 to 0 dBFS, red where the input is nearly too loud."""
    share = min(max(1 - level_dbfs / QUIETEST_DBFS, 0.0), 1.0)
    return share_bar(share, "green" if level_dbfs < LOUD_DBFS else "red", cells)


def share_bar(share: float, colour: str, cells: int = BAR_CELLS) -> Text:
    """Return a bar over [0, 1]."""
    filled = round(share * cells)
    return Text("━" * filled, colour) + Text("─" * (cells - filled), "bright_black")


def signed_bar(value: float | None, cells: int = BAR_CELLS) -> Text:
    """Return a bar over [-1, 1], filled from the middle."""
    side = cells // 2
    filled = 0 if value is None else round(abs(value) * side)
    empty, full = Text("─" * (side - filled), "bright_black"), Text("━" * filled, "magenta")
    blank = Text("─" * side, "bright_black")
    halves = (empty + full, blank) if value is not None and value < 0 else (blank, full + empty)
    return halves[0] + Text("┃", "bold") + halves[1]


def course(values: Iterable[float]) -> str:
    """Return the course of values in [-1, 1], a character each."""
    steps = len(COURSE_STEPS) - 1
    return "".join(COURSE_STEPS[round((min(max(value, -1), 1) + 1) / 2 * steps)] for value in tuple(values))
