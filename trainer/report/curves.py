"""How training went: a curve for each run, or for each kind of run its median and the middle of the runs.

Shapes: R runs, E epochs.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from cmlstream.models.errors import ConfigurationError
from cmlstream.trainer.history import Line, read

from .content import Section, Sheet
from .theme import DASHES, Chart, Theme, legend, short

MOST_RUNS = 8
"""Drawn one by one; of more, the kinds are drawn."""

MIDDLE_PERCENTILES = (10, 50, 90)

METHOD_PLACE = -2
"""`reproduce` names its runs protocol/normalisation/trained on/method/seed."""

TITLES = {
    "loss": "Loss that is minimised",
    "reconstruction": "Mean square error of the reconstruction",
    "metric": "Metric loss",
    "score": "Score on speakers held back",
}


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One quantity of runs of a kind."""

    name: str
    runs: int
    epoch_E: NDArray[np.intp]
    lowest_E: NDArray[np.float64]
    median_E: NDArray[np.float64]
    highest_E: NDArray[np.float64]


def curves(history: Path | None) -> Section:
    """The curves of a history.

    Raises:
        ConfigurationError: there is no such file, or it holds nothing.
        ModelError: it cannot be read.

    """
    title = "Training"
    if history is None:
        return Section("training", title, ("No history was given (--history FILE), so there are no curves.",))
    if not history.is_file():
        raise ConfigurationError(
            f"There is no history {history}: name the history.jsonl of fit or reproduce."
        )
    lines = read(history)
    if not lines:
        raise ConfigurationError(f"The history {history} holds no epoch: name that of a run which has begun.")
    return section_of(lines)


def section_of(lines: Sequence[Line]) -> Section:
    """Curves of every quantity that was noted, and how each kind of run ended."""
    runs = len({line.run for line in lines})
    found = {name: curves_of(lines, name) for name in TITLES}
    sentences = [f"{runs} runs." if runs > 1 else "One run."]
    if runs > MOST_RUNS:
        sentences.append("Lines are medians over the runs of a kind; the bands hold the middle 80 % of them.")
    if not found["score"]:
        sentences.append("No speakers were held back, so there is no score.")
    if not any(curve.median_E.any() for curve in found["metric"]):
        sentences.append("No run had a metric loss, so it has no curve.")
        found["metric"] = []
    charts = tuple(_chart(name, of_kind) for name, of_kind in found.items() if of_kind)
    return Section("training", "Training", tuple(sentences), charts, (_sheet(found),))


def curves_of(lines: Sequence[Line], name: str) -> list[Curve]:
    """The curve of a quantity for each kind of run, without those that never have it."""
    one_by_one = len({line.run for line in lines}) <= MOST_RUNS
    values: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    runs: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        value = getattr(line, name)
        if value is not None:
            kind = line.run if one_by_one else _kind(line.run)
            values[kind][line.epoch].append(value)
            runs[kind].add(line.run)
    return [_curve(kind, len(runs[kind]), by_epoch) for kind, by_epoch in values.items()]


def _kind(run: str) -> str:
    parts = run.split("/")
    return parts[METHOD_PLACE] if len(parts) >= -METHOD_PLACE else "all runs"


def _curve(name: str, runs: int, by_epoch: dict[int, list[float]]) -> Curve:
    epochs = sorted(by_epoch)
    percentiles = np.array([np.percentile(by_epoch[epoch], MIDDLE_PERCENTILES) for epoch in epochs])
    return Curve(name, runs, np.array(epochs), *percentiles.T)


def _chart(name: str, found: Sequence[Curve]) -> Chart:
    ends = "; ".join(f"{short(curve.name)} ends at {curve.median_E[-1]:.3f}" for curve in found)
    return Chart(
        name=f"training-{name}",
        caption=f"{TITLES[name]}.",
        alternative=f"{TITLES[name]} by epoch: {ends}",
        draw=partial(_draw, found, TITLES[name]),
    )


def _draw(found: Sequence[Curve], title: str, axes: Axes, theme: Theme) -> None:
    for number, curve in enumerate(found):
        colour = theme.series[number % len(theme.series)]
        dashes = DASHES[(number + number // len(DASHES)) % len(DASHES)]
        axes.fill_between(
            curve.epoch_E, curve.lowest_E, curve.highest_E, color=colour, alpha=0.12, linewidth=0
        )
        axes.plot(
            curve.epoch_E, curve.median_E, color=colour, linestyle=dashes, linewidth=1.6,
            marker="o" if len(curve.epoch_E) == 1 else None, label=short(curve.name),
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="Epoch", ylabel=title)
    legend(axes, theme)


def _sheet(found: dict[str, list[Curve]]) -> Sheet:
    shown = [name for name in TITLES if found[name]]
    ends: dict[str, dict[str, str]] = defaultdict(dict)
    for name in shown:
        for curve in found[name]:
            ends[curve.name][name] = f"{curve.median_E[-1]:.3f}"
    rows = [
        (
            curve.name,
            str(curve.runs),
            str(curve.epoch_E[-1]),
            *(ends[curve.name].get(name, "–") for name in shown),
        )
        for curve in found["loss"]
    ]
    return Sheet("At the last epoch (medians)", ("runs", "number", "epochs", *shown), tuple(rows))
