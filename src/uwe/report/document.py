"""What a report is made of: sections of text, tables, figures with a table behind, and pictures.

A report is a value; `page`, `markdown` and `record` turn it into HTML, Markdown and JSON.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from uwe.runs.cycles import csv_text

__all__ = [
    "Block",
    "Cell",
    "Column",
    "DataTable",
    "Figure",
    "Gallery",
    "Picture",
    "Report",
    "Section",
    "Text",
]

Cell: TypeAlias = str | int | float | None

_CHANCES = ("p", "p_holm")
"""Keys of p-values: one too small for its decimals is shown as below the least of them."""


@dataclass(frozen=True)
class Column:
    """A column: its key for machines, its title for people, and how many decimals it shows."""

    key: str
    title: str
    digits: int | None = None

    def shown(self, value: Cell) -> str:
        """The value for people; a value that is not there is a dash.

        >>> Column("p", "p", 3).shown(0.0001), Column("n", "n").shown(1234)
        ('<0.001', '1,234')
        """
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "\u2013"
        if isinstance(value, str):
            return value
        if math.isinf(value):
            return "beyond"
        if self.digits is None:
            return f"{value:,}"
        least = 10.0**-self.digits
        if self.key in _CHANCES and 0 <= value < least:
            return f"<{least:.{self.digits}f}"
        return f"{value:,.{self.digits}f}"


@dataclass(frozen=True)
class DataTable:
    """A table with the values at full precision."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def csv(self) -> str:
        """As CSV, with the columns' keys and all digits."""
        return csv_text([column.key for column in self.columns], self.rows)

    def lines(self) -> list[list[str]]:
        """The cells for people."""
        return [
            [column.shown(cell) for column, cell in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Figure:
    """A chart as SVG, and the table behind it."""

    title: str
    svg: str
    table: DataTable
    legend: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Picture:
    """A small image as a data address, empty for an item that is no image, and its lines.

    Attributes:
        source: the address.
        lines: about the item.
        views: titles and addresses of several pictures of the item, in the place of ``source``.
    """

    source: str
    lines: tuple[str, ...]
    views: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Gallery:
    """Pictures under a title, and the names and CSS colours of what is drawn over them."""

    title: str
    pictures: tuple[Picture, ...]
    legend: tuple[tuple[str, str], ...] = ()


Block: TypeAlias = Text | DataTable | Figure | Gallery


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; ``folded`` ones are opened by the reader."""

    title: str
    blocks: Sequence[Block]
    folded: bool = False


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        title: of the page.
        sentences: what the numbers can show, in a few sentences.
        warnings: what a reader has to know of the data.
        sections: the evidence.
        summary: the one table that a terminal shows.
    """

    title: str
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    summary: tuple[DataTable, ...] = field(default=())
