"""What a contact sheet shows of a pick: its image, its text or the values of its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, TypeAlias

__all__ = ["Image", "Item", "Text", "Values", "item_html"]

_LETTERS = 600
_LETTERS_OF_A_VALUE = 120
_VALUES = 24


@dataclass(frozen=True)
class Image:
    """An image.

    Attributes:
        source: a data URL, or any address that a browser can load.
        classes: names by number of the classes whose boxes or pixels are drawn over it.
    """

    source: str
    classes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """A text; its first 600 letters are shown.

    Attributes:
        text: of any length.
    """

    text: str


@dataclass(frozen=True)
class Values:
    """The values of a row of a table; the first 24 are shown.

    Attributes:
        values: by the name of the column.
    """

    values: Mapping[str, Any]


Item: TypeAlias = Image | Text | Values


def item_html(item: Item, name: str) -> str:
    """The item as HTML, with everything in it escaped.

    Args:
        item: what is shown.
        name: the id of the item.

    >>> item_html(Text("a < b"), "7")
    '<p class="words" dir="auto">a &lt; b</p>'
    """
    if isinstance(item, Image):
        return f'<div class="frame"><img src="{escape(item.source)}" alt="{escape(name)}"></div>'
    if isinstance(item, Text):
        return f'<p class="words" dir="auto">{escape(clipped(item.text, _LETTERS))}</p>'
    return _table(item.values)


def clipped(text: str, letters: int) -> str:
    """The text, cut where it is longer than ``letters``.

    >>> clipped("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= letters else text[: letters - 1] + "…"


def value_text(value: Any) -> str:
    """A value in a cell: a number in four digits, anything else as text.

    >>> value_text(0.123456), value_text(None), value_text(12)
    ('0.1235', '', '12')
    """
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return clipped(text, _LETTERS_OF_A_VALUE)


def _table(values: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td dir="auto">{escape(value_text(value))}</td>'
        "</tr>"
        for name, value in list(values.items())[:_VALUES]
    )
    left = len(values) - _VALUES
    more = f'<tr><td colspan="2">and {left:,} more</td></tr>' if left > 0 else ""
    return f'<table class="values">{rows}{more}</table>'
