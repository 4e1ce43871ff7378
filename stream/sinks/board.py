"""Several streams side by side in a terminal: a row for each, with as much as the terminal has room for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cmlstream.stream.plain import plain

from .bars import EMOTION_COLOURS, course, level_bar, signed_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .picture import Picture

LEVEL_CELLS = 10
SIGNED_CELLS = 13
COURSE_CELLS = 16
SAMPLES_PER_MS = 16
QUIET_DBFS = -100


@dataclass(frozen=True, slots=True)
class Column:
    """One column, in terminals of at least `from_width` characters."""

    title: str
    from_width: int
    cell: Callable[[Picture], Text]


def board(pictures: Mapping[str, Picture], width: int, height: int) -> Table:
    """Return the table of all streams for a terminal of this size; where not all fit, those that speak."""
    columns = [column for column in _COLUMNS if width >= column.from_width]
    table = Table(box=None, padding=(0, 1), pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("stream", overflow="ellipsis", no_wrap=True, ratio=1, min_width=6)
    for column in columns:
        table.add_column(column.title, no_wrap=True)
    names = _fitting(pictures, max(height, 1))
    for name in names:
        picture = pictures[name]
        style = "dim" if picture.ended else "yellow" if _lost(picture) else ""
        table.add_row(Text(name, style), *(column.cell(picture) for column in columns))
    if hidden := len(pictures) - len(names):
        table.add_row(Text(f"+ {hidden} more", "dim"))
    return table


def _fitting(pictures: Mapping[str, Picture], rows: int) -> list[str]:
    """Choose the streams to show, in alphabetical order, so that a row keeps its place."""
    if len(pictures) <= rows:
        return sorted(pictures)
    by_interest = sorted(pictures, key=lambda name: (pictures[name].ended, not pictures[name].speaking, name))
    return sorted(by_interest[: rows - 1])


def _voice(picture: Picture) -> Text:
    if picture.ended:
        return Text("■", "dim")
    return Text("●", "green") if picture.speaking else Text("○", "dim")


def _level(picture: Picture) -> Text:
    if picture.muted:
        return Text("muted", "red")
    if picture.clipping:
        return Text("clipping", "red")
    return Text("" if picture.level_dbfs < QUIET_DBFS else f"{picture.level_dbfs:.0f} dB")


def _activation(picture: Picture) -> float | None:
    return picture.latest.activation if picture.latest else None


def _valence(picture: Picture) -> float | None:
    return picture.latest.valence if picture.latest else None


def _signed(value: float | None) -> Text:
    return Text("" if value is None else f"{value:+.2f}")


def _recent(values: Iterable[float]) -> Text:
    return Text(course(tuple(values)[-COURSE_CELLS:]), "cyan")


def _emotion(picture: Picture) -> Text:
    if picture.likeliest is None:
        return Text("")
    name, probability = picture.likeliest
    return Text(f"{plain(name, 10)} {probability:.0%}", EMOTION_COLOURS.get(name, "white"))


def _confidence(picture: Picture) -> Text:
    latest = picture.latest
    return Text("" if latest is None or latest.confidence is None else f"{latest.confidence:.0%}")


def _delay(picture: Picture) -> Text:
    return Text("" if picture.delay_ms is None else f"{picture.delay_ms:.0f} ms")


def _lost(picture: Picture) -> Text:
    """Return what did not get through: nothing, in most rows."""
    told = (
        (picture.dropped_samples // SAMPLES_PER_MS, "ms dropped"),
        (picture.thinned_updates, "thinned"),
        (picture.skipped_events, "skipped"),
        (picture.gaps, "gaps"),
    )
    return Text(", ".join(f"{count} {what}" for count, what in told if count), "yellow")


_COLUMNS = (
    Column("", 0, _voice),
    Column("level", 64, _level),
    Column("", 130, lambda picture: level_bar(picture.level_dbfs, LEVEL_CELLS)),
    Column("act.", 0, lambda picture: _signed(_activation(picture))),
    Column("", 150, lambda picture: signed_bar(_activation(picture), SIGNED_CELLS)),
    Column("", 190, lambda picture: _recent(picture.activation)),
    Column("val.", 0, lambda picture: _signed(_valence(picture))),
    Column("", 150, lambda picture: signed_bar(_valence(picture), SIGNED_CELLS)),
    Column("", 190, lambda picture: _recent(picture.valence)),
    Column("emotion", 40, _emotion),
    Column("sure", 56, _confidence),
    Column("delay", 72, _delay),
    Column("lost", 76, _lost),
)
