"""What `evaluate` prints for people: how features were normalised, what was left out, tables of figures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Column, Table

from cmlstream.models.contract import EMOTIONS

from .breakdown import Evaluation
from .figures import Agreement, Bin, Figures, Interval
from .table import Normalisation

UNDECIDED = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """What is measured together: all clips, or those of one corpus, language, sex or emotion."""

    kind: str
    name: str
    figures: Figures


def show(output: Console, result: Evaluation, without_features: int) -> None:
    """Print all of an evaluation.

    `without_features` counts the clips that could not be measured at all.
    """
    for line in remarks(result, without_features):
        output.print(line, highlight=False, markup=False, soft_wrap=True)
    for table in tables(result):
        output.print(table, highlight=False)


def remarks(result: Evaluation, without_features: int) -> Iterator[str]:
    """What is to be known before reading the tables, a line for each thing."""
    overall = result.overall
    yield f"normalisation: {result.normalisation}, {_in_words(Normalisation(result.normalisation))}"
    yield f"clips: {overall.n} of {overall.speakers} speakers, {overall.classified} of classes it knows"
    if result.excluded:
        counts = ", ".join(f"{emotion} {count}" for emotion, count in result.excluded.items())
        yield f"classes it does not know, left out of recognition: {counts}"
    if without_features:
        yield f"clips without features, not measured: {without_features}"
    if overall.speakers > 1:
        yield "in brackets: 95 % intervals over other speakers as these, by bootstrap"
    else:
        yield "no intervals: they are over speakers, and there is only one"


def _in_words(normalisation: Normalisation) -> str:
    match normalisation:
        case Normalisation.CAUSAL:
            return "against the running baseline of a stream that plays each speaker's clips in random order"
        case Normalisation.CORPUS:
            return "against all clips of a corpus at once, which no live stream knows (transductive)"
        case Normalisation.NONE:
            return "against the model's own prior alone, as the first words of a stream"


def _rows(result: Evaluation) -> Iterator[Row]:
    yield Row("overall", "", result.overall)
    for kind, groups in (
        ("corpus", result.groups.corpus),
        ("language", result.groups.language),
        ("sex", result.groups.sex),
        ("emotion", result.groups.emotion),
    ):
        for name, figures in groups.items():
            yield Row(kind, name, figures)


def tables(result: Evaluation) -> Iterator[Table]:
    """Every table that there are clips for."""
    rows, overall = list(_rows(result)), result.overall
    if overall.classified:
        yield _recognition([row for row in rows if row.figures.classified])
        yield _recall([row for row in rows if row.figures.classified and row.kind != "emotion"])
        yield _confusion(overall)
        yield _calibration(overall.calibration)
    if overall.activation.n:
        yield _agreement("Activation beside its labels", rows, lambda found: found.activation)
    if overall.valence.n:
        yield _agreement("Valence beside its labels", rows, lambda found: found.valence)


def _recognition(rows: Sequence[Row]) -> Table:
    def cells(found: Figures) -> Iterator[str]:
        yield str(found.classified)
        yield _bounded(found.uar, found.uar_interval)
        yield _bounded(found.wa, found.wa_interval)
        yield _bounded(found.ece, found.ece_interval)
        yield _bounded(found.auroc, found.auroc_interval)

    names = ("clips", "UAR", "accuracy", "ECE", "AUROC")
    return _filled(_table("Recognition", *names), rows, cells)


def _recall(rows: Sequence[Row]) -> Table:
    def cells(found: Figures) -> Iterator[str]:
        for emotion in EMOTIONS:
            yield _bounded(found.recall.get(emotion), found.recall_interval.get(emotion))

    return _filled(_table("Recall", *EMOTIONS), rows, cells)


def _agreement(title: str, rows: Sequence[Row], dimension_of: Callable[[Figures], Agreement]) -> Table:
    def cells(figures: Figures) -> Iterator[str]:
        found = dimension_of(figures)
        yield str(found.n)
        yield _bounded(found.pearson, found.pearson_interval)
        yield _bounded(found.spearman, found.spearman_interval)
        yield _bounded(found.ccc, found.ccc_interval)

    names = ("clips", "Pearson", "Spearman", "CCC")
    labelled = [row for row in rows if dimension_of(row.figures).n]
    return _filled(_table(title, *names), labelled, cells)


def _confusion(overall: Figures) -> Table:
    table = _table("Confusion: clips of a class (rows) by the class named", *EMOTIONS)
    for truth, named in overall.confusion.items():
        table.add_row(truth, *(str(count) for count in named.values()))
    return table


def _calibration(bins: Sequence[Bin]) -> Table:
    table = _table("Calibration: bins of equal mass", "clips", "confidence", "share right")
    for number, each in enumerate(bins, start=1):
        table.add_row(f"bin {number}", str(each.n), _number(each.confidence, 3), _number(each.accuracy, 3))
    return table


def _table(title: str, *names: str) -> Table:
    columns = (Column(name, justify="right", overflow="fold") for name in names)
    return Table(Column(no_wrap=True), *columns, title=title, title_justify="left", box=box.SIMPLE)


def _filled(table: Table, rows: Sequence[Row], cells_of: Callable[[Figures], Iterator[str]]) -> Table:
    """The table with a line for each row, and a space between kinds."""
    kinds = [row.kind for row in rows]
    for row, next_kind in zip(rows, [*kinds[1:], ""], strict=True):
        name = f"{row.kind} {row.name}".strip()
        table.add_row(name, *cells_of(row.figures), end_section=row.kind != next_kind)
    return table


def _bounded(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return UNDECIDED
    if interval is None:
        return _number(value, 3)
    lowest, highest = (_number(end, 2) for end in interval)
    # No space inside the brackets: a narrow terminal breaks the line before them.
    return f"{_number(value, 3)} [{lowest},{highest}]"


def _number(value: float, places: int) -> str:
    """A figure between -1 and 1 without its leading zero, never as minus zero, and one as plain 1."""
    text = f"{value:z.{places}f}"
    if text.lstrip("-").startswith("0"):
        return text.replace("0.", ".", 1)
    return text.rstrip("0").rstrip(".")
