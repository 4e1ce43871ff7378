"""What a page is made of: sections of sentences, pictures and tables."""

import re
from dataclasses import dataclass

from .theme import Chart

_NUMBER = re.compile(r"[-−]?\.?\d|–")
"""How a number begins, or what stands for one that is not known."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table; the first cell of each row names it."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def is_number(self, column: int) -> bool:
        """Whether a column holds numbers, which are aligned at their end."""
        return all(_NUMBER.match(row[column]) for row in self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A part of the page; where there is nothing to show, its sentences say why."""

    name: str
    """Of its anchor."""
    title: str
    sentences: tuple[str, ...]
    charts: tuple[Chart, ...] = ()
    sheets: tuple[Sheet, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Everything that is on it, in order."""

    title: str
    description: str
    limits: str
    facts: tuple[tuple[str, str], ...]
    """Name and value of what identifies the model and the clips."""
    sections: tuple[Section, ...]

    @property
    def charts(self) -> list[Chart]:
        """All pictures."""
        return [chart for section in self.sections for chart in section.charts]
