"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uwe.report.document import DataTable, Figure, Gallery, Report, Text

__all__ = ["as_markdown"]


MARK = "<!-- written by uwe report -->"
"""The last line, by which a later report knows the file."""


def as_markdown(report: Report) -> str:
    """All text and tables; charts are their tables."""
    parts = [f"# {_escaped(report.title)}"]
    parts += [f"- {_escaped(sentence)}" for sentence in report.sentences]
    parts += [f"> **Note:** {_escaped(warning)}" for warning in report.warnings]
    parts += [_table(table) for table in report.summary]
    for section in report.sections:
        parts.append(f"## {_escaped(section.title)}")
        parts += [_BLOCKS[type(block)](block) for block in section.blocks]
    return "\n\n".join([*parts, MARK]) + "\n"


def _table(table: DataTable) -> str:
    titles = [_escaped(column.title) for column in table.columns]
    lines = [titles, ["---"] * len(titles), *([_escaped(c) for c in row] for row in table.lines())]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    note = f"\n\n{_escaped(table.note)}" if table.note else ""
    return f"**{_escaped(table.title)}**\n\n{body}{note}"


def _gallery(gallery: Gallery) -> str:
    rows = (f"- {_escaped(', '.join(picture.lines))}" for picture in gallery.pictures)
    return "\n".join([f"**{_escaped(gallery.title)}**", "", *rows])


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


_BLOCKS: dict[type[Any], Callable[[Any], str]] = {
    Text: lambda block: _escaped(block.text),
    DataTable: _table,
    Figure: lambda block: _table(block.table),
    Gallery: _gallery,
}
