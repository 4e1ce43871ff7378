"""Tables and numbers in Markdown."""

from collections.abc import Sequence

from .records import Figure

NOTHING = "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def number(value: float | None) -> str:
    """Three decimals without the zero before the point."""
    if value is None:
        return NOTHING
    digits = f"{abs(value):.3f}".removeprefix("0")
    return f"−{digits}" if value < 0 else digits


def mean(figure: Figure | None) -> str:
    """The mean of a figure."""
    return number(None if figure is None else figure.mean)


def spread(figure: Figure | None) -> str:
    """The mean of a figure, and its deviation where there is more than one value."""
    if figure is None or figure.n == 1:
        return mean(figure)
    return f"{number(figure.mean)} ± {number(figure.deviation)}"
