"""Label difference against embedding difference for pairs of clips: the picture of the paper.

Over all pairs within a corpus, with y the label and a the mean of the half that the metric loss ties to it,
e = a_i - a_j is held against l = y_i - y_j: the straight line through the origin e = b l, b = sum(l e) /
sum(l^2), and the residual mean (b l - e)^2 (Das et al., NLDL 2022, arXiv 2203.14867). A metric that the loss
has reached has b = 1 and no residual. Slope and residual are of all pairs, in O(n); drawn is a sample.

Shapes: N clips, P pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import sqrt

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from cmlstream.trainer.losses import SMALLEST, PairSums, pair_sums

from .answers import Answers, Vector
from .content import Section, Sheet
from .theme import COLOUR_MAP, Chart, Theme, colour_bar, legend

MOST_DRAWN = 500_000
ROWS = 60
LABEL_STEP = 0.5
WIDEST_LABEL = 4.0
"""The largest difference of two labels on the scale 1..5."""


@dataclass(frozen=True, slots=True)
class Line:
    """The straight line through the origin that pairs lie along."""

    clips: int
    pairs: int
    slope: float
    residual: float
    correlation: float
    """Cosine of the angle between e and l: 1 where all pairs lie on the line."""


def line_of(embedded_N: Vector, label_N: Vector, corpus_N: NDArray[np.str_]) -> Line | None:
    """The line over all labelled pairs within a corpus; None where no labels differ."""
    names, group_N = np.unique(corpus_N, return_inverse=True)
    embedded, label, group = (torch.from_numpy(array) for array in (embedded_N, label_N, group_N))
    sums = pair_sums(embedded, label, group, len(names))
    return _line(sums, int((~np.isnan(label_N)).sum()))


def _line(sums: PairSums, clips: int) -> Line | None:
    count, label, product, embedding = (
        float(value) for value in (sums.count, sums.label, sums.product, sums.embedding)
    )
    if label <= SMALLEST:
        return None
    slope = product / label
    return Line(
        clips=clips,
        pairs=round(count),
        slope=slope,
        residual=max(0.0, slope**2 * label - 2 * slope * product + embedding) / count,
        correlation=product / sqrt(label * embedding) if embedding > SMALLEST else 0.0,
    )


def pairs(answers: Answers) -> Section:
    """The picture for activation and for valence, and the line of each corpus."""
    sentences = [
        "Do clips that differ in their labels differ as much in the embedding? For every two labelled clips "
        "of one corpus, the difference of the half-means stands against the difference of the labels (1 to "
        "5). On the dashed line the embedding is a metric of the label, as the loss wants it: slope 1, "
        "residual 0.",
    ]
    charts, sheets = [], []
    for name, embedded_N, label_N in (
        ("activation", answers.first_half_N, answers.activation_N),
        ("valence", answers.second_half_N, answers.valence_N),
    ):
        line = line_of(embedded_N, label_N, answers.corpus_N)
        if line is None:
            sentences.append(
                f"No two clips of one corpus have different labels of {name}, so it has no picture."
            )
            continue
        pairs_P2 = _sample(embedded_N, label_N, answers.corpus_N, answers.bootstrap.seed)
        charts.append(_chart(name, line, pairs_P2))
        sheets.append(
            Sheet(
                f"Pairs within a corpus, by {name}",
                HEAD,
                tuple(_rows(line, embedded_N, label_N, answers.corpus_N)),
            )
        )
    return Section(
        "pairs",
        "Label difference against embedding difference",
        tuple(sentences),
        tuple(charts),
        tuple(sheets),
    )


HEAD = ("corpus", "clips", "pairs", "slope", "residual", "r")


def _rows(
    line: Line, embedded_N: Vector, label_N: Vector, corpus_N: NDArray[np.str_]
) -> Iterator[tuple[str, ...]]:
    yield _row("all", line)
    for name in np.unique(corpus_N):
        rows_N = corpus_N == name
        found = line_of(embedded_N[rows_N], label_N[rows_N], corpus_N[rows_N])
        if found is not None:
            yield _row(str(name), found)


def _row(name: str, line: Line) -> tuple[str, ...]:
    figures = (f"{value:.2f}" for value in (line.slope, line.residual, line.correlation))
    return name, str(line.clips), str(line.pairs), *figures


def _sample(embedded_N: Vector, label_N: Vector, corpus_N: NDArray[np.str_], seed: int) -> Vector:
    """Differences of label and embedding, differences_P2: both directions of each pair, or of a sample."""
    generator = np.random.default_rng(seed)
    known = [np.flatnonzero((corpus_N == name) & ~np.isnan(label_N)) for name in np.unique(corpus_N)]
    share = min(1.0, MOST_DRAWN / sum(len(rows) * (len(rows) - 1) / 2 for rows in known))
    pairs_P2 = np.concatenate([rows[_places(len(rows), share, generator)] for rows in known])
    columns_N2 = np.stack([label_N, embedded_N], 1)
    differences_P2 = columns_N2[pairs_P2[:, 0]] - columns_N2[pairs_P2[:, 1]]
    return np.concatenate([differences_P2, -differences_P2])


def _places(count: int, share: float, generator: np.random.Generator) -> NDArray[np.intp]:
    """Two different places for each pair among so many clips, or for a share of the pairs drawn at random."""
    if share == 1.0:
        return np.stack(np.triu_indices(count, 1), 1)
    drawn = round(share * count * (count - 1) / 2)
    first_P = generator.integers(count, size=drawn) if drawn else np.empty(0, int)
    # A step of 1 .. count - 1 around the ring of clips never leads back to the first.
    step_P = generator.integers(1, count, size=drawn) if drawn else np.empty(0, int)
    return np.stack([first_P, (first_P + step_P) % max(count, 1)], 1)


def _chart(name: str, line: Line, differences_P2: Vector) -> Chart:
    told = f"slope {line.slope:.2f}, residual {line.residual:.2f}, r {line.correlation:.2f}"
    drawn = "" if len(differences_P2) == 2 * line.pairs else f", {len(differences_P2) // 2} of them drawn"
    return Chart(
        name=f"pairs-{name}",
        caption=f"{name.capitalize()}: {line.pairs} pairs of {line.clips} clips{drawn}; {told}.",
        alternative=f"Density of pairs: difference of embedding against difference of {name}. {told}",
        draw=partial(_draw, line, differences_P2),
        height_inches=4.4,
    )


def _draw(line: Line, differences_P2: Vector, axes: Axes, theme: Theme) -> None:
    label_P, embedded_P = differences_P2.T
    tallest = float(np.quantile(np.abs(embedded_P), 0.999)) or 1.0
    columns = np.arange(-WIDEST_LABEL - LABEL_STEP / 2, WIDEST_LABEL + LABEL_STEP, LABEL_STEP)
    rows = np.linspace(-tallest, tallest, ROWS + 1)
    *_, shown = axes.hist2d(label_P, embedded_P, bins=[columns, rows], norm=LogNorm(), cmap=COLOUR_MAP)
    colour_bar(axes, theme, shown, "Pairs, in both directions")
    ends = np.array([columns[0], columns[-1]])
    outlined = [withStroke(linewidth=4, foreground=theme.ground)]
    for slope, dashes, words in (
        (1.0, "dashed", "slope 1"),
        (line.slope, "solid", f"fitted, slope {line.slope:.2f}"),
    ):
        axes.plot(
            ends, slope * ends, color=theme.ink, linestyle=dashes, linewidth=1.8, path_effects=outlined,
            label=words,
        )  # fmt: skip
    axes.set(xlim=ends, ylim=(-tallest, tallest))
    axes.set(xlabel="Difference of the labels", ylabel="Difference of the half-means")
    legend(axes, theme)
