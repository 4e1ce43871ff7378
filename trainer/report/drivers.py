"""Which features drive each output: pictures, tables, and the properties of the voice at a glance."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from .answers import Answers
from .attribution import MOST_CLIPS, Attribution, attributions
from .content import Section, Sheet
from .theme import Chart, Theme, legend, short
from .words import in_words

SHOWN = 15
LONGEST_LABEL = 48

CLEAR = 0.5
"""A correlation from which on a feature's direction is worth a word."""

NEGLIGIBLE = 1e-9


@dataclass(frozen=True, slots=True)
class Driver:
    """A feature and how it moves an output."""

    feature: str
    weight: float
    direction: float

    @property
    def effect(self) -> str:
        """What more of the feature does to the output."""
        if abs(self.direction) < CLEAR:
            return "either way"
        return "raises" if self.direction > 0 else "lowers"


def drivers(answers: Answers) -> Section:
    """The strongest features of every output."""
    found = attributions(answers.archive.script, answers.scores_NF)
    names = answers.archive.card.feature_names
    sentences = (
        "How far each feature moves an output from what it would be for the average that features are scored "
        "against (all standard scores zero): integrated gradients (Sundararajan and others, 2017), the mean "
        f"of their size over {min(len(answers.clips), MOST_CLIPS)} clips, in units of the output: activation "
        "and valence from -1 to 1, emotions in probability.",
        "More of the feature raises or lowers the output where what it adds follows its score with a "
        f"correlation of at least {CLEAR}; otherwise it acts either way, depending on the other features. "
        "This describes the model, not what makes a voice sound so.",
    )
    charts, sheets = [], [_properties(found, names)]
    for each in found:
        strongest = strongest_of(each, names)
        if strongest:
            charts.append(_chart(each.output, strongest))
            sheets.append(_sheet(each.output, strongest))
    return Section("drivers", "Which features drive each output", sentences, tuple(charts), tuple(sheets))


def strongest_of(found: Attribution, names: Sequence[str]) -> list[Driver]:
    """The features that move an output most, the strongest first; never those that do not move it at all."""
    order = np.argsort(-found.weight_F, kind="stable")[:SHOWN]
    return [
        Driver(names[place], float(found.weight_F[place]), float(found.direction_F[place]))
        for place in order
        if found.weight_F[place] > NEGLIGIBLE
    ]


def _properties(found: Sequence[Attribution], names: Sequence[str]) -> Sheet:
    """How much of all that moves an output comes from each property of the voice."""
    shares: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(found))
    for column, each in enumerate(found):
        total = each.weight_F.sum() or 1.0
        for name, weight in zip(names, each.weight_F, strict=True):
            shares[in_words(name).voice][column] += float(weight / total)
    ordered = sorted(shares.items(), key=lambda item: -sum(item[1]))
    rows = tuple((voice, *(f"{share:.1%}" for share in of_voice)) for voice, of_voice in ordered)
    head = ("property", *(each.output for each in found))
    return Sheet("Share of each property of the voice in what moves an output", head, rows)


def _chart(output: str, strongest: Sequence[Driver]) -> Chart:
    first = "; ".join(f"{in_words(driver.feature).text} ({driver.effect})" for driver in strongest[:3])
    return Chart(
        name=f"drivers-{output}",
        caption=f"{output.capitalize()}: the {len(strongest)} strongest features.",
        alternative=f"What moves {output} most: {first}",
        draw=partial(_draw, strongest),
        height_inches=4.2,
    )


EFFECTS = (("raises", 0, ""), ("lowers", 1, "////"), ("either way", 2, "...."))
"""Effect, colour, hatch."""


def _draw(strongest: Sequence[Driver], axes: Axes, theme: Theme) -> None:
    for effect, colour, hatch in EFFECTS:
        places = [place for place, driver in enumerate(strongest) if driver.effect == effect]
        if not places:
            continue
        axes.barh(
            places, [strongest[place].weight for place in places], color=theme.series[colour], hatch=hatch,
            edgecolor=theme.ground, linewidth=0, height=0.75, label=effect,
        )  # fmt: skip
    texts = [short(in_words(driver.feature).text, LONGEST_LABEL) for driver in strongest]
    axes.set_yticks(range(len(strongest)), texts, parse_math=False)
    axes.tick_params(axis="y", length=0, labelcolor=theme.ink)
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    axes.locator_params(axis="x", nbins=5)
    axes.set(xlabel="Mean size of what it adds")
    legend(axes, theme)


def _sheet(output: str, strongest: Sequence[Driver]) -> Sheet:
    return Sheet(
        f"What drives {output}",
        ("feature", "adds", "more of it", "column"),
        tuple(_rows(strongest)),
    )


def _rows(strongest: Sequence[Driver]) -> Iterator[tuple[str, ...]]:
    for driver in strongest:
        yield in_words(driver.feature).text, f"{driver.weight:.4f}", driver.effect, driver.feature
