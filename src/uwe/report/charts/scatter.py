"""Points in a plane, and marks upon them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from uwe.report.charts.svg import drawing, text

__all__ = ["draw_scatter"]

_SIDE, _MARGIN = 440.0, 10.0

Point: TypeAlias = tuple[float, float, str]
Place: TypeAlias = Callable[[float, float], tuple[float, float]]


def draw_scatter(
    points: Sequence[Point],
    marks: Sequence[Point],
    *,
    title: str,
) -> str:
    """Draw points by class, and marks with a short text upon them.

    Args:
        points: place and class of the colour.
        marks: place and text.
        title: for those who cannot see it.
    """
    every = [(x, y) for x, y, _ in (*points, *marks)]
    xs, ys = [x for x, _ in every] or [0.0], [y for _, y in every] or [0.0]
    left, bottom = min(xs), min(ys)
    width, height = max(xs) - left or 1.0, max(ys) - bottom or 1.0
    side_y = 320.0

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            _MARGIN + (x - left) / width * (_SIDE - 2 * _MARGIN),
            side_y - _MARGIN - (y - bottom) / height * (side_y - 2 * _MARGIN),
        )

    parts = [_points(points, classes, at) for classes in sorted({each[2] for each in points})]
    for x, y, told in marks:
        px, py = at(x, y)
        parts.append(f'<circle class="mark" cx="{px:.1f}" cy="{py:.1f}" r="5.5"/>')
        parts.append(text(px, py + 3, told, anchor="middle", classes="marked"))
    return drawing(_SIDE, side_y, title, parts)


def _points(points: Sequence[Point], classes: str, at: Place) -> str:
    """All points of one colour as one path of dots: a tenth of the size of circles."""
    places = (at(x, y) for x, y, its in points if its == classes)
    return f'<path class="dots {classes}" d="{"".join(f"M{x:.0f},{y:.0f}h0" for x, y in places)}"/>'
