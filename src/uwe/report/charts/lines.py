"""Lines with bands over an axis of labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from uwe.report.charts.svg import drawing, line, nice_ticks, path, shape, text, width_of

__all__ = ["Series", "Size", "draw_lines", "lines_across"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 10.0, 8.0, 40.0
_LEAST_GAP, _BESIDE = 26.0, 5.0
Size: TypeAlias = tuple[float, float]

_SIZE = (440.0, 300.0)
_PLACES: dict[str, Callable[[float], float]] = {"log": math.log, "linear": float}


@dataclass(frozen=True)
class Series:
    """One line: its points, the ends of its band (NaN for none), and the class of its colour."""

    name: str
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    classes: str


class _Frame:
    """Where values are in the drawing."""

    def __init__(
        self, x: Sequence[float], low: float, high: float, *, scale: str, size: Size
    ) -> None:
        self._place = _PLACES[scale]
        self.right, self.bottom = size[0] - _RIGHT, size[1] - _BOTTOM
        self.height = size[1]
        margin = 0.04 * (high - low or abs(high) or 1.0)
        self.low, self.high = low - margin, high + margin
        self.ticks = nice_ticks(self.low, self.high)
        self.left = max(_LEFT, width_of([f"{tick:g}" for tick in self.ticks]) + _BESIDE)
        self._first = self._place(x[0])
        self._span = (self._place(x[-1]) - self._first) or 1.0

    def x(self, value: float) -> float:
        inside = self.right - self.left - 20
        return self.left + 10 + inside * (self._place(value) - self._first) / self._span

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.bottom - share * (self.bottom - _TOP)


def draw_lines(
    x: Sequence[float],
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    scale: str = "log",
    levels: Sequence[tuple[str, float]] = (),
) -> str:
    """Draw lines with bands.

    Args:
        x: budgets, rising.
        series: the lines, each over the first of the budgets or all of them; NaN is left out.
        title: for those who cannot see it.
        x_label: under the axis.
        scale: ``log`` or ``linear``.
        levels: names and heights of lines across.
    """
    parts = lines_across(x, series, _SIZE, x_label=x_label, scale=scale, levels=levels)
    return drawing(*_SIZE, title, parts)


def lines_across(
    x: Sequence[float],
    series: Sequence[Series],
    size: Size,
    *,
    x_label: str,
    scale: str = "log",
    levels: Sequence[tuple[str, float]] = (),
) -> list[str]:
    """The shapes of `draw_lines` for a drawing of any size."""
    values = [v for each in series for v in (*each.y, *each.low, *each.high) if math.isfinite(v)]
    values += [height for _, height in levels]
    frame = _Frame(x, min(values, default=0.0), max(values, default=1.0), scale=scale, size=size)
    parts = [*_axes(frame, x, x_label)]
    for name, height in levels:
        parts.append(line(frame.left, frame.y(height), frame.right, frame.y(height), "level"))
        parts.append(text(frame.left + 4, frame.y(height) - 4, name, classes="small"))
    parts += [_band(frame, x, each) for each in series]
    parts += [_line(frame, x, each) for each in series]
    return parts


def _axes(frame: _Frame, x: Sequence[float], x_label: str) -> list[str]:
    parts = []
    for tick in frame.ticks:
        parts.append(line(frame.left, frame.y(tick), frame.right, frame.y(tick), "grid"))
        parts.append(text(frame.left - 5, frame.y(tick) + 4, f"{tick:g}", anchor="end"))
    bottom = frame.bottom
    parts.append(line(frame.left, bottom, frame.right, bottom, "axis"))
    for tick in _apart(x, frame):
        parts.append(line(frame.x(tick), bottom, frame.x(tick), bottom + 4, "axis"))
        parts.append(text(frame.x(tick), bottom + 17, f"{tick:,.0f}", anchor="middle"))
    parts.append(
        text((frame.left + frame.right + _RIGHT) / 2, frame.height - 5, x_label, anchor="middle")
    )
    return parts


def _apart(x: Sequence[float], frame: _Frame) -> list[float]:
    """The budgets whose numbers have room beside each other, from the last one on."""
    kept: list[float] = []
    for tick in reversed(x):
        if not kept or frame.x(kept[-1]) - frame.x(tick) >= _LEAST_GAP + 2 * len(f"{tick:,.0f}"):
            kept.append(tick)
    return kept


def _band(frame: _Frame, x: Sequence[float], series: Series) -> str:
    rows = zip(x, series.low, series.high, strict=False)
    ends = [(at, low, high) for at, low, high in rows if math.isfinite(low + high)]
    above = [(frame.x(at), frame.y(high)) for at, _, high in ends]
    below = [(frame.x(at), frame.y(low)) for at, low, _ in reversed(ends)]
    return path([*above, *below], f"band {series.classes}", end="Z")


def _line(frame: _Frame, x: Sequence[float], series: Series) -> str:
    rows = zip(x, series.y, strict=False)
    points = [(frame.x(at), frame.y(value)) for at, value in rows if math.isfinite(value)]
    dots = "".join(shape("circle", series.classes, cx=px, cy=py, r=2.4) for px, py in points)
    title = shape("title", inner=escape(series.name))
    return f'<g class="series">{title}{path(points, f"line {series.classes}")}{dots}</g>'
