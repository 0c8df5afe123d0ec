"""A report as one HTML page that needs nothing else: no network, no other file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from uwe.report.charts.colours import themes
from uwe.report.document import (
    Block,
    Cell,
    Column,
    DataTable,
    Figure,
    Gallery,
    Picture,
    Report,
    Section,
    Text,
)

__all__ = ["as_html"]

MARK = '<meta name="generator" content="uwe report">'
"""By which a later report knows the file."""

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="uwe report">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<main>
"""
_TAIL = """</main>
<script>
{script}</script>
</body>
</html>
"""


def as_html(report: Report) -> str:
    """The whole page: style, charts, tables and images are in it."""
    style, script = (
        (files("uwe.report.page") / name).read_text(encoding="utf-8")
        for name in ("style.css", "script.js")
    )
    body = [
        f"<header><h1>{escape(report.title)}</h1>",
        _listed(report.sentences, "sentences"),
        _warned(report.warnings),
        "</header>",
        *(_table(table, open_=True) for table in report.summary),
        _contents(report.sections),
        *map(_section, report.sections),
    ]
    head = _HEAD.format(title=escape(report.title), style=themes() + style)
    return head + "\n".join(body) + "\n" + _TAIL.format(script=script)


def _listed(lines: Sequence[str], classes: str) -> str:
    items = "".join(f"<li>{_prose(line)}</li>" for line in lines)
    return f'<ul class="{classes}">{items}</ul>'


def _warned(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    return f"<aside><strong>Notes</strong>{_listed(warnings, 'warnings')}</aside>"


def _contents(sections: Sequence[Section]) -> str:
    links = "".join(
        f'<a href="#{_anchor(section.title)}">{escape(section.title)}</a>' for section in sections
    )
    return f'<nav aria-label="Contents">{links}</nav>'


def _section(section: Section) -> str:
    inner = "\n".join(_BLOCKS[type(block)](block) for block in section.blocks)
    heading = f'<h2 id="{_anchor(section.title)}">{escape(section.title)}</h2>'
    if section.folded:
        inner = f"<details><summary>Show</summary>{inner}</details>"
    return f"<section>{heading}{inner}</section>"


def _figure(figure: Figure) -> str:
    keys = "".join(
        f'<span class="key {classes}"><i></i>{escape(name)}</span>'
        for name, classes in figure.legend
    )
    legend = f'<div class="legend">{keys}</div>' if keys else ""
    return (
        f"<figure><figcaption>{escape(figure.title)}</figcaption>{figure.svg}{legend}"
        f"{_table(figure.table, open_=False)}</figure>"
    )


def _table(table: DataTable, *, open_: bool) -> str:
    """The table with its button; the one behind a figure is folded away."""
    heads = "".join(
        f'<th scope="col"{_aligned(table, at)} data-key="{escape(column.key)}" aria-sort="none">'
        f'<button type="button">{_prose(column.title)}</button></th>'
        for at, column in enumerate(table.columns)
    )
    rows = "".join(
        f"<tr>{''.join(map(_cell, table.columns, row, line))}</tr>"
        for row, line in zip(table.rows, table.lines(), strict=True)
    )
    inner = (
        f'<div class="wide" tabindex="0"><table data-name="{escape(table.name)}">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<button type="button" class="csv">CSV</button>'
        + (f'<p class="note">{_prose(table.note)}</p>' if table.note else "")
    )
    if open_:
        return f'<div class="table"><h3>{escape(table.title)}</h3>{inner}</div>'
    return f'<details class="table"><summary>Table</summary>{inner}</details>'


def _aligned(table: DataTable, at: int) -> str:
    """A column of numbers is aligned to the right, its head too."""
    numbers = any(isinstance(row[at], int | float) for row in table.rows)
    return ' class="number"' if numbers else ""


def _prose(text: str) -> str:
    """Text in which a number and its percent sign stay on one line."""
    return escape(text).replace(" %", "\u00a0%")


def _cell(column: Column, value: Cell, shown: str) -> str:
    if isinstance(value, str) and column.digits is None:
        return f"<td>{escape(shown)}</td>"
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    raw = "" if missing else escape(str(value))
    return f'<td class="number" data-value="{raw}">{escape(shown)}</td>'


def _gallery(gallery: Gallery) -> str:
    keys = "".join(
        f'<span class="class"><i style="background:{colour}"></i>{escape(name)}</span>'
        for name, colour in gallery.legend
    )
    legend = f'<div class="legend">{keys}</div>' if keys else ""
    wide = " views" if any(picture.views for picture in gallery.pictures) else ""
    return (
        f"<h3>{escape(gallery.title)}</h3>{legend}"
        f'<div class="gallery{wide}">{"".join(map(_picture, gallery.pictures))}</div>'
    )


def _picture(picture: Picture) -> str:
    lines = "<br>".join(map(escape, picture.lines))
    if picture.views:
        views = "".join(
            f'<div><img src="{source}" alt="{escape(f"{picture.lines[0]}, {title}")}">'
            f"<small>{escape(title)}</small></div>"
            for title, source in picture.views
        )
        return f'<figure><div class="pair">{views}</div><figcaption>{lines}</figcaption></figure>'
    if not picture.source:
        return f"<figure><figcaption>{lines}</figcaption></figure>"
    alt = escape(picture.lines[0])
    return (
        f'<figure><img src="{picture.source}" alt="{alt}"><figcaption>{lines}</figcaption></figure>'
    )


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


_BLOCKS: dict[type[Block], Callable[[Any], str]] = {
    Text: lambda block: f"<p>{_prose(block.text)}</p>",
    DataTable: lambda block: _table(block, open_=True),
    Figure: _figure,
    Gallery: _gallery,
}
