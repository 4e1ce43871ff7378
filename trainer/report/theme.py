"""How pictures look: a light and a dark theme, and a PNG of one pair of axes, without any global state.

The colours of lines are those of Okabe and Ito (Color Universal Design, 2008), which the colour-blind tell
apart; lines differ in their dashes too, and points in their shape.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

DOTS_PER_INCH = 160

DASHES = ("solid", "dashed", "dotted", "dashdot", (0, (5, 1)), (0, (1, 1, 4, 1)))

COLOUR_MAP = "viridis"
"""Even in lightness, so that it reads in grey and to the colour-blind."""

LEGEND_COLUMNS = 4

SMALL, MEDIUM = 8, 9
"""Points, of labels and titles."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of a picture."""

    ground: str
    ink: str
    quiet: str
    line: str
    series: tuple[str, ...]


LIGHT = Theme(
    ground="#ffffff",
    ink="#14202b",
    quiet="#566472",
    line="#d6dde4",
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b37700", "#3a9bd1"),
)
DARK = Theme(
    ground="#151f29",
    ink="#e7edf3",
    quiet="#9aabba",
    line="#2a3845",
    series=("#56b4e9", "#e69f00", "#2fbf94", "#d98cb3", "#f0e442", "#e8753a"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """A picture that can be drawn in any theme."""

    name: str
    """Of its file, without the ending."""
    caption: str
    alternative: str
    """What it shows, for those who do not see it."""
    draw: Callable[[Axes, Theme], None]
    width_inches: float = 5.2
    height_inches: float = 3.9

    @property
    def width(self) -> int:
        """Pixels."""
        return round(self.width_inches * DOTS_PER_INCH)

    @property
    def height(self) -> int:
        """Pixels."""
        return round(self.height_inches * DOTS_PER_INCH)

    def png(self, theme: Theme) -> bytes:
        """The picture as a PNG; the same input gives the same bytes."""
        figure = Figure((self.width_inches, self.height_inches), DOTS_PER_INCH, layout="constrained")
        figure.set_facecolor(theme.ground)
        axes = figure.add_subplot()
        _dress(axes, theme)
        self.draw(axes, theme)
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            # Names may be in any script: where the font lacks it the picture has boxes, the tables the name.
            warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
            FigureCanvasAgg(figure)
            figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
        return buffer.getvalue()


def _dress(axes: Axes, theme: Theme) -> None:
    axes.set_facecolor(theme.ground)
    axes.tick_params(colors=theme.quiet, labelsize=SMALL)
    axes.grid(visible=True, color=theme.line, linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_color(theme.line)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=theme.ink, fontsize=MEDIUM)


def legend(axes: Axes, theme: Theme) -> None:
    """What each line or point stands for, above the axes, where it hides nothing."""
    figure = axes.get_figure(root=True)
    handles, texts = axes.get_legend_handles_labels()
    if figure is None or not handles:
        return
    shown = figure.legend(
        handles, texts, loc="outside upper center", ncols=LEGEND_COLUMNS, fontsize=SMALL, frameon=False,
        labelcolor=theme.ink, handlelength=2.4, columnspacing=1.2,
    )  # fmt: skip
    for text in shown.get_texts():
        text.set_parse_math(False)


def colour_bar(axes: Axes, theme: Theme, shown: ScalarMappable, title: str) -> None:
    """What the colours stand for, beside the axes."""
    figure = axes.get_figure(root=True)
    if figure is None:
        return
    bar = figure.colorbar(shown, ax=axes, pad=0.02)
    bar.set_alpha(1)
    bar.set_label(title, color=theme.ink, fontsize=MEDIUM)
    bar.ax.tick_params(colors=theme.quiet, labelsize=SMALL, which="both")


def named_ticks(axes: Axes, rows: list[str], columns: list[str]) -> None:
    """Names beside the rows and under the columns of a matrix; names are never read as formulas."""
    axes.grid(visible=False)
    for set_ticks, names in ((axes.set_yticks, rows), (axes.set_xticks, columns)):
        set_ticks(range(len(names)), [short(name) for name in names], parse_math=False)
    if max(map(len, columns)) * len(columns) > 40:
        axes.tick_params(axis="x", rotation=30)


def short(name: str, longest: int = 28) -> str:
    """A name on one line that leaves room for the picture."""
    name = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def matrix(
    axes: Axes, theme: Theme, values: list[list[float | None]], texts: list[list[str]], names: list[list[str]]
) -> None:
    """A heat map of shares with its numbers written in: names are those of the rows, then of the columns."""
    shades = [[float("nan") if value is None else value for value in row] for row in values]
    axes.imshow(shades, cmap=COLOUR_MAP, vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            ink = theme.quiet if value is None else "#000000" if value > 0.5 else "#ffffff"
            axes.text(x, y, texts[y][x], color=ink, fontsize=SMALL, ha="center", va="center")
    named_ticks(axes, *names)
    axes.tick_params(length=0)
