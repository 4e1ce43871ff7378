"""From language to language, as `cmlstream-train reproduce` found: a row trains, a column is measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from matplotlib.axes import Axes

from cmlstream.models.errors import ConfigurationError
from cmlstream.trainer.reproduce.baselines import METHOD as BASELINE
from cmlstream.trainer.reproduce.protocol import Protocol
from cmlstream.trainer.reproduce.results import PLAIN, Record
from cmlstream.trainer.reproduce.scoring import EVERYWHERE
from cmlstream.trainer.table import Normalisation

from .content import Section, Sheet
from .theme import Chart, Theme, matrix

TITLE = "From language to language"

METHODS = (PLAIN, "actval", BASELINE)
"""The plain autoencoder, the metric loss of both dimensions, and what reads the raw features."""

ALL_OTHERS = "all other sources"
"""The row of what was trained on every source language but the one that is measured."""


class Transfers(msgspec.Struct, frozen=True):
    """What is read of `results.json`."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """UAR of one method; None where a language was trained on itself."""

    method: str
    trained_on: tuple[str, ...]
    measured: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]

    @property
    def texts(self) -> list[list[str]]:
        """The cells as they are written."""
        return [["–" if value is None else f"{value:.2f}" for value in row] for row in self.values]


def transfer(results: Path | None, normalisation: Normalisation) -> Section:
    """The matrices of a few methods under a normalisation.

    Raises:
        ConfigurationError: the results cannot be read.

    """
    if results is None:
        sentence = (
            "No results of `cmlstream-train reproduce` were given (--results FILE), so there is no matrix."
        )
        return Section("transfer", TITLE, (sentence,))
    records = [record for record in _read(results) if record.normalisation == normalisation]
    return section_of(records, normalisation)


def _read(path: Path) -> tuple[Record, ...]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Transfers).records
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(
            f"The results {path} cannot be read ({error}): name the results.json of "
            "cmlstream-train reproduce."
        ) from error


def section_of(records: Sequence[Record], normalisation: Normalisation) -> Section:
    """A matrix for each method that was measured."""
    found = [made for method in METHODS if (made := matrix_of(records, method))]
    if not found:
        sentence = f"The results hold no transfer between languages under the normalisation {normalisation}."
        return Section("transfer", TITLE, (sentence,))
    sentences = (
        f"Unweighted average recall of four classes, normalisation {normalisation}; a row trains, a column "
        "is measured. These are the small networks of the paper's protocol, means over seeds, not the model "
        f"above: “{PLAIN}” is the plain autoencoder, “actval” has the metric loss, “{BASELINE}” reads the "
        "raw features.",
        f"The row “{ALL_OTHERS}” trains on every source language but the one that is measured.",
    )
    charts = tuple(_chart(number, each) for number, each in enumerate(found, 1))
    return Section("transfer", TITLE, sentences, charts, tuple(map(_sheet, found)))


def matrix_of(records: Sequence[Record], method: str) -> Matrix | None:
    """UAR of a method by training and measured language; None where nothing was transferred."""
    cells = {
        (_row(record), record.language): record.uar.mean
        for record in records
        if record.method == method and record.uar and record.language != EVERYWHERE and _row(record)
    }
    if not cells:
        return None
    trained_on = sorted({row for row, _ in cells} - {ALL_OTHERS})
    trained_on += [ALL_OTHERS] if any(row == ALL_OTHERS for row, _ in cells) else []
    measured = sorted({language for _, language in cells})
    values = tuple(tuple(cells.get((row, language)) for language in measured) for row in trained_on)
    return Matrix(method, tuple(trained_on), tuple(measured), values)


def _row(record: Record) -> str:
    """The matrix's row that a record belongs to; empty for folds within the source corpora."""
    match record.protocol:
        case Protocol.ONE_LANGUAGE:
            return record.trained_on
        case Protocol.LEAVE_ONE_OUT | Protocol.TRANSFER:
            return ALL_OTHERS
    return ""


def _chart(number: int, found: Matrix) -> Chart:
    pairs = (
        f"{row} to {column} {text}"
        for row, texts in zip(found.trained_on, found.texts, strict=True)
        for column, text in zip(found.measured, texts, strict=True)
    )
    return Chart(
        name=f"transfer-{number}",
        caption=f"UAR, {found.method}.",
        alternative=f"UAR from language to language, {found.method}: {', '.join(pairs)}",
        draw=partial(_draw, found),
        height_inches=max(2.4, 0.5 * len(found.trained_on) + 0.9),
    )


def _draw(found: Matrix, axes: Axes, theme: Theme) -> None:
    values = [list(row) for row in found.values]
    matrix(axes, theme, values, found.texts, [list(found.trained_on), list(found.measured)])
    axes.set(xlabel="Measured", ylabel="Trained on")


def _sheet(found: Matrix) -> Sheet:
    rows = tuple((name, *texts) for name, texts in zip(found.trained_on, found.texts, strict=True))
    return Sheet(f"UAR, {found.method}", ("trained on", *found.measured), rows)
