"""Ours as Markdown: mark by mark what is reached, then language by language beside the baselines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean

from cmlstream.trainer.settings import FitSettings

from .baselines import METHOD as BASELINE
from .gains import Gain
from .judging import TOGETHER
from .markdown import NOTHING, mean, number, spread, table
from .marks import GOALS, METHODS, Goal, Mark, RecordedName, of_languages
from .ours import ALIKE, OURS, PROTOCOLS
from .protocol import Protocol
from .records import EACH_IN_TURN, Record
from .results import Results

REACHED = {True: "✓", False: "✗"}

TITLES = {
    Protocol.LEAVE_ONE_OUT: "source languages, each left out in turn",
    Protocol.TRANSFER: "transfer languages, which no choice was made by",
}

INTRODUCTION = f"""\
`{OURS}` is the network of the recipe, trained in streams as the model that ships and measured under each
normalisation: what a user gets. `{ALIKE}` is trained under the normalisation that it is measured under, as
the support vector machines are; under `causal` that is `{OURS}`. `{TOGETHER}` averages what the networks of
all seeds say. UAR is that of the emotion head, r is between the read-outs and published activation and
valence; figures are means over seeds, each seed's network measured by itself. Confidence is calibrated by the
source languages, each left out, but for the one that is measured; never by a transfer language."""

LANGUAGE_NOTE = """\
Mean ± deviation over seeds. The support vector machines have no chance of their own; points are what UAR is
above theirs. In brackets the calibration error that as many clips would show if every probability were
true: below it no confidence can be expected to get."""


def our_tables(results: Results) -> Iterator[str]:
    """Both sections."""
    yield "## What the model must reach"
    yield INTRODUCTION
    yield (
        "Mark 1, variants with labels above the plain autoencoder at the paper's size, speakers apart: how "
        "many of all variants and protocols are above it (✓), undecided (·) and below it (✗) over seeds."
    )
    yield _first_mark(results.gains)
    for protocol in PROTOCOLS:
        marks = [mark for mark in results.marks if mark.protocol == protocol]
        if marks:
            yield f"Marks 2 and 3, {TITLES[protocol]}; in brackets the language of the lowest value."
            yield _marks(marks)
    yield "Mark 3 also asks for novelty: `cmlstream-train robustness` measures it."
    yield from _by_language(results.records)


def recipe(settings: FitSettings) -> str:
    """The settings of ours in a line."""
    encoder, optimiser, loss = settings.encoder, settings.optimiser, settings.loss
    widths = ", ".join(map(str, encoder.hidden))
    return (
        f"ours: hidden layers {widths}, latent {encoder.latent}, noise {encoder.noise:g}, dropout "
        f"{encoder.dropout:g}; `{loss.variant}` over pairs `{loss.pairs}`, emotion weight "
        f"{loss.emotion_weight:g}; {optimiser.epochs} epochs of batches of {optimiser.batch}, learning rate "
        f"{optimiser.learning_rate:g}, weight decay {optimiser.weight_decay:g}, averaging "
        f"{optimiser.averaging:g}; {settings.material.takes} further takes, {settings.validation.draws} draws"
    )


def _first_mark(gains: Sequence[Gain]) -> str:
    apart = [gain for gain in gains if gain.protocol != Protocol.SHARED]
    normalisations = list(dict.fromkeys(gain.normalisation for gain in apart))
    rows = [
        [f"1. {title}", *(_count(apart, figure, normalisation) for normalisation in normalisations)]
        for figure, title in (("uar", "UAR"), ("activation", "r of activation"), ("valence", "r of valence"))
    ]
    return table(["", *normalisations], rows)


def _count(gains: Sequence[Gain], figure: str, normalisation: str) -> str:
    found = Counter(
        gain.holds for gain in gains if (gain.figure, gain.normalisation) == (figure, normalisation)
    )
    return f"{found['yes']} ✓, {found['undecided']} ·, {found['no']} ✗"


def _marks(marks: Sequence[Mark]) -> str:
    columns = sorted({(mark.normalisation, METHODS.index(mark.method)) for mark in marks})
    found = {(mark.what, mark.normalisation, METHODS.index(mark.method)): mark for mark in marks}
    head = ["", "goal", *(f"{normalisation}: {METHODS[place]}" for normalisation, place in columns)]
    rows = [
        [
            f"{goal.number}. {goal.what}",
            _goal(goal),
            *(_mark(found.get((goal.what, *place))) for place in columns),
        ]
        for goal in GOALS
    ]
    return table(head, rows)


def _goal(goal: Goal) -> str:
    return f"{'≤' if goal.at_most else '≥'} {number(goal.value)}"


def _mark(mark: Mark | None) -> str:
    if mark is None:
        return NOTHING
    where = f" ({mark.where})" if mark.where else ""
    return f"{number(mark.value)} {REACHED[mark.reached]}{where}"


def _by_language(records: Sequence[Record]) -> Iterator[str]:
    chosen = [record for record in records if record.protocol in PROTOCOLS]
    yield "## Ours, language by language"
    yield LANGUAGE_NOTE
    for normalisation in dict.fromkeys(record.normalisation for record in chosen):
        yield f"Normalisation `{normalisation}`"
        alike = [record for record in chosen if record.normalisation == normalisation]
        yield table(_HEAD, [row for method in METHODS for row in _rows(alike, method)])


_HEAD = [
    *("", "measured", "UAR", "SVM", "points", "r activation", "SVR", "r valence", "SVR"),
    *("calibration error", "AUROC"),
]


def _rows(records: Sequence[Record], method: str) -> Iterator[list[str]]:
    """A method's languages, their mean, and their clips together, of one protocol and then the other."""
    for protocol in PROTOCOLS:
        chosen = [record for record in records if record.protocol == protocol]
        languages = [record for record in chosen if record.is_of_language]
        baseline = {record.language: record for record in languages if record.method == BASELINE}
        mine = [record for record in languages if record.method == method]
        for record in mine:
            yield [method, record.language, *_cells(record, baseline.get(record.language))]
        if len(mine) > 1:
            yield [method, f"mean of {len(mine)}", *_means(languages, method)]
        for record in chosen:
            if record.method == method and record.trained_on == EACH_IN_TURN:
                yield [method, "all left out, together", *_cells(record, None)]


def _cells(record: Record, baseline: Record | None) -> list[str]:
    return [
        spread(record.uar),
        mean(baseline.uar if baseline else None),
        _points(record, baseline),
        spread(record.activation),
        mean(baseline.activation if baseline else None),
        spread(record.valence),
        mean(baseline.valence if baseline else None),
        NOTHING if record.ece is None else f"{spread(record.ece)} ({mean(record.chance_ece)})",
        spread(record.auroc),
    ]


def _points(record: Record, baseline: Record | None) -> str:
    if baseline is None or baseline.uar is None or record.uar is None:
        return NOTHING
    return points(record.uar.mean - baseline.uar.mean)


def points(difference: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{round(100 * difference, 1) + 0.0:+.1f}".replace("-", "−")


def _means(records: Sequence[Record], method: str) -> list[str]:
    def average(name: RecordedName, of_method: str) -> float | None:
        values = of_languages(records, of_method, name)
        return fmean(values.values()) if values else None

    uar, svm, error = average("uar", method), average("uar", BASELINE), average("ece", method)
    return [
        number(uar),
        number(svm),
        NOTHING if uar is None or svm is None else points(uar - svm),
        number(average("activation", method)),
        number(average("activation", BASELINE)),
        number(average("valence", method)),
        number(average("valence", BASELINE)),
        NOTHING if error is None else f"{number(error)} ({number(average('chance_ece', method))})",
        number(average("auroc", method)),
    ]
