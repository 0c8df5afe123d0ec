"""Values with intervals, one under another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from uwe.report.charts.svg import drawing, line, nice_ticks, shape, text, width_of

__all__ = ["draw_dots"]

_WIDTH, _ROW, _TOP, _BOTTOM = 440.0, 24.0, 6.0, 40.0

Dot = tuple[str, float, float, float, str]


def draw_dots(dots: Sequence[Dot], *, title: str, x_label: str, zero: float | None = None) -> str:
    """Draw a row for each value.

    Args:
        dots: name, value, ends of its interval (NaN for none), class of its colour.
        title: for those who cannot see it.
        x_label: under the axis.
        zero: where a line is drawn down.
    """
    values = [v for _, *three, _ in dots for v in three if math.isfinite(v)]
    values += [] if zero is None else [zero]
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.05 * (high - low or abs(high) or 1.0)
    low, high = low - margin, high + margin
    left = 20 + width_of([dot[0] for dot in dots])
    height = _TOP + _ROW * len(dots) + _BOTTOM

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (_WIDTH - 12 - left)

    bottom = height - _BOTTOM
    parts = []
    for tick in nice_ticks(low, high):
        parts.append(line(x(tick), _TOP, x(tick), bottom, "grid"))
        parts.append(text(x(tick), bottom + 16, f"{tick:g}", anchor="middle"))
    if zero is not None:
        parts.append(line(x(zero), _TOP, x(zero), bottom, "axis"))
    for at, dot in enumerate(dots):
        parts += _row(dot, _TOP + _ROW * (at + 0.5), left, x)
    parts.append(text((left + _WIDTH) / 2, height - 6, x_label, anchor="middle"))
    return drawing(_WIDTH, height, title, parts)


def _row(dot: Dot, y: float, left: float, x: Callable[[float], float]) -> list[str]:
    name, value, low, high, classes = dot
    parts = [text(left - 8, y + 4, name, anchor="end")]
    if math.isfinite(low + high):
        parts.append(line(x(low), y, x(high), y, f"bar {classes}"))
    if math.isfinite(value):
        parts.append(shape("circle", classes, cx=x(value), cy=y, r=4.5))
    return parts
