"""What a person sees while a command works: progress, notes and a table of figures, on standard error."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import isnan

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from .ensemble import Progress as EpochProgress
from .figures import Figures

PIPE_WIDTH = 120
"""Columns of a table that no terminal shows: wide enough that nothing is cut."""


def output() -> Console:
    """Standard output, for results."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)


ERRORS = Console(stderr=True, width=None if sys.stderr.isatty() else PIPE_WIDTH)


def note(sentence: str) -> None:
    """One line on standard error."""
    ERRORS.print(sentence, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def clips(count: int) -> Iterator[Callable[[], None]]:
    """A bar over clips, silent in a pipe; yields what to call after each."""
    with _bar() as bar:
        task = bar.add_task("features", total=count)
        yield lambda: bar.advance(task)


@contextmanager
def epochs() -> Iterator[Callable[[str, EpochProgress], None]]:
    """A bar for each run; yields what to call after each epoch."""
    with _bar() as bar:
        tasks = {}

        def report(run: str, progress: EpochProgress) -> None:
            if run not in tasks:
                tasks[run] = bar.add_task(run, total=progress.epochs)
            judged = "" if isnan(progress.score) else f", held-out score {progress.score:.3f}"
            bar.update(
                tasks[run],
                completed=progress.epoch,
                description=f"{run}: loss {progress.loss:.3f}{judged}",
            )

        yield report


def figures(groups: Mapping[str, Figures]) -> None:
    """A line of figures for each group, on standard error."""
    ERRORS.print(_table(groups))


def _table(groups: Mapping[str, Figures]) -> Table:
    names = ("clips", "UAR", "accuracy", "ECE", "activation\nr", "\nCCC", "valence\nr", "\nCCC")
    table = Table(Column(no_wrap=True), *names)
    for name, found in groups.items():
        values = (
            found.uar,
            found.wa,
            found.ece,
            found.activation.pearson,
            found.activation.ccc,
            found.valence.pearson,
            found.valence.ccc,
        )
        table.add_row(name, str(found.n), *("–" if value is None else f"{value:.3f}" for value in values))
    return table


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=ERRORS, disable=not ERRORS.is_terminal)
