"""The figures of `cmlstream-train evaluate`, its tables as they are printed, and the diagrams of them."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from rich.table import Table

from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer.breakdown import Evaluation
from cmlstream.trainer.display import remarks, tables
from cmlstream.trainer.figures import Bin, Figures

from .content import Section, Sheet
from .theme import Chart, Theme, matrix

NOTHING_CLASSIFIED = "No clip has a class that the model knows, so there is nothing to show here."


def figures(evaluation: Evaluation, without_features: int) -> Section:
    """Every table that `evaluate` prints."""
    return Section(
        name="figures",
        title="Figures",
        sentences=tuple(f"{line[0].upper()}{line[1:]}." for line in remarks(evaluation, without_features)),
        sheets=tuple(_sheet(table) for table in tables(evaluation)),
    )


def _sheet(table: Table) -> Sheet:
    cells = zip(*(column.cells for column in table.columns), strict=True)
    return Sheet(
        caption=str(table.title),
        head=tuple(str(column.header) for column in table.columns),
        rows=tuple(tuple(map(str, row)) for row in cells),
    )


def reliability(overall: Figures) -> Section:
    """Confidence against the share that proves right."""
    title = "Reliability of the confidence"
    if not overall.calibration or overall.ece is None:
        return Section("reliability", title, (NOTHING_CLASSIFIED,))
    sentences = (
        "Each point is a tenth of the clips, from the least to the most confident. On the dashed line the "
        "model is right as often as it believes to be; below it, it believes too much.",
        f"Expected calibration error {overall.ece:.3f}; the numbers are in the table of calibration above.",
    )
    alternative = "Share right against confidence: " + "; ".join(
        f"{each.accuracy:.2f} at {each.confidence:.2f}" for each in overall.calibration
    )
    caption = f"Share of clips named rightly against confidence, {overall.classified} clips."
    chart = Chart("reliability", caption, alternative, partial(_draw_reliability, overall.calibration), 4.4)
    return Section("reliability", title, sentences, (chart,))


def _draw_reliability(bins: tuple[Bin, ...], axes: Axes, theme: Theme) -> None:
    axes.plot([0, 1], [0, 1], color=theme.quiet, linestyle="dashed", linewidth=1)
    confidence, accuracy = [each.confidence for each in bins], [each.accuracy for each in bins]
    axes.vlines(confidence, accuracy, confidence, color=theme.series[1], linewidth=1.5, alpha=0.7)
    axes.plot(confidence, accuracy, color=theme.series[0], marker="o", markersize=5)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Confidence", ylabel="Share named rightly", aspect="equal")


def confusions(evaluation: Evaluation) -> Section:
    """What is taken for what: over all clips, and in each corpus."""
    title = "What is taken for what"
    if not evaluation.overall.classified:
        return Section("confusion", title, (NOTHING_CLASSIFIED,))
    corpora = {name: found for name, found in evaluation.groups.corpus.items() if found.classified}
    charts = [_confusion("confusion-overall", "All clips", evaluation.overall)]
    if len(corpora) > 1:
        charts += [
            _confusion(f"confusion-corpus-{number}", f"Corpus {name}", found)
            for number, (name, found) in enumerate(corpora.items(), 1)
        ]
    sentences = (
        "A row holds the clips of a class, a column those that the model named so; each cell gives the share "
        "of its row and the number of clips. A good model is bright on the diagonal.",
    )
    return Section("confusion", title, sentences, tuple(charts), (_by_corpus(corpora),))


def _confusion(name: str, title: str, found: Figures) -> Chart:
    recalls = ", ".join(f"{emotion} {recall:.2f}" for emotion, recall in found.recall.items())
    return Chart(
        name=name,
        caption=f"{title}: {found.classified} clips.",
        alternative=f"{title}, confusion of classes. Share named rightly: {recalls}",
        draw=partial(_draw_confusion, found.confusion),
        width_inches=4.2,
        height_inches=3.2,
    )


def _draw_confusion(confusion: Mapping[str, Mapping[str, int]], axes: Axes, theme: Theme) -> None:
    counts = np.array([list(named.values()) for named in confusion.values()])
    shares = counts / counts.sum(1, keepdims=True)
    texts = [
        [f"{share:.0%}\n{count}" for share, count in zip(*row, strict=True)]
        for row in zip(shares, counts, strict=True)
    ]
    matrix(axes, theme, shares.tolist(), texts, [list(confusion), list(EMOTIONS)])
    axes.set(xlabel="Named", ylabel="Class")


def _by_corpus(corpora: Mapping[str, Figures]) -> Sheet:
    rows = [
        (name, truth, *(str(count) for count in named.values()))
        for name, found in corpora.items()
        for truth, named in found.confusion.items()
    ]
    return Sheet(
        "Clips of each corpus and class, by the class named", ("corpus", "class", *EMOTIONS), tuple(rows)
    )
