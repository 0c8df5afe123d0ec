"""A matrix of shares, darker where they are larger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from uwe.report.charts.svg import drawing, shape, text, width_of

__all__ = ["draw_heat"]

_WIDTH, _MOST = 440.0, 46.0
_LETTERS, _LAST = 32, 12


def draw_heat(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float]],
    *,
    title: str,
    foot: Sequence[float] = (),
    most: float = 1.0,
    percent: bool = True,
) -> str:
    """Draw a matrix with its numbers.

    Args:
        rows: their names; the middle of long ones is left out.
        columns: their names, written upright; likewise.
        values: one list a row; NaN is an empty cell.
        title: for those who cannot see it.
        foot: values under the columns, such as their means.
        most: the value of the darkest cell.
        percent: show shares as whole percents.
    """
    rows, columns = [_shortened(name) for name in rows], [_shortened(name) for name in columns]
    left = 10 + width_of([*rows, "mean"])
    top = 10 + width_of(columns)
    side = min((_WIDTH - left - 4) / max(len(columns), 1), _MOST)
    high = min(side, 26.0)
    lines = [*zip(rows, values, strict=True)]
    parts = [_column(name, left + (at + 0.5) * side, top) for at, name in enumerate(columns)]
    for at, (name, cells) in enumerate(lines):
        y = top + at * high
        parts.append(text(left - 6, y + high / 2 + 4, name, anchor="end"))
        parts += _cells(cells, (left, y), (side, high), most=most, percent=percent)
    height = top + len(rows) * high + 6
    if foot:
        parts.append(text(left - 6, height + high / 2 + 4, "mean", anchor="end", classes="strong"))
        parts += _cells(foot, (left, height), (side, high), most=most, percent=percent)
        height += high + 6
    return drawing(_WIDTH, height, title, parts)


def _shortened(name: str) -> str:
    """A name that leaves space for the cells.

    >>> _shortened("IoU of something that is told in very many words")
    'IoU of something th\u2026y many words'
    """
    if len(name) <= _LETTERS:
        return name
    return f"{name[: _LETTERS - _LAST - 1]}\u2026{name[-_LAST:]}"


def _column(name: str, x: float, y: float) -> str:
    """A name that is written upwards."""
    place = f"translate({x + 4:.1f} {y - 6:.1f}) rotate(-90)"
    return shape("text", inner=escape(name), transform=place)


def _cells(
    cells: Sequence[float],
    corner: tuple[float, float],
    size: tuple[float, float],
    *,
    most: float,
    percent: bool,
) -> list[str]:
    left, y = corner
    parts = []
    for at, value in enumerate(cells):
        if not math.isfinite(value):
            continue
        depth = min(max(value / most, 0.0), 1.0) if most else 0.0
        x = left + at * size[0]
        parts.append(
            shape("rect", "cell", x=x + 1, y=y + 1, width=size[0] - 2, height=size[1] - 2, rx=3,
                  fill_opacity=f"{0.06 + 0.84 * depth:.2f}")
        )  # fmt: skip
        shown = f"{100 * value:.0f}" if percent else f"{value:.2g}"
        classes = "small light" if depth > 0.5 else "small"
        parts.append(
            text(x + size[0] / 2, y + size[1] / 2 + 4, shown, anchor="middle", classes=classes)
        )
    return parts
