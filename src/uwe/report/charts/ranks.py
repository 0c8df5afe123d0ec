"""The critical-difference plot: mean ranks on a line, bars over groups without a difference."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from uwe.report.charts.svg import drawing, line, path, shape, text, width_of

__all__ = ["draw_ranks"]

_WIDTH, _STEP, _AXIS, _SMALL = 440.0, 17.0, 46.0, 10.5

Place: TypeAlias = Callable[[float], float]


def draw_ranks(
    names: Sequence[str],
    ranks: Sequence[float],
    groups: Sequence[Sequence[int]],
    distance: float,
    *,
    title: str,
) -> str:
    """Draw mean ranks, 1 at the left; bars join strategies without a significant difference.

    Args:
        names: of the strategies.
        ranks: their mean ranks.
        groups: positions of strategies without a significant difference.
        distance: the critical difference, drawn above; NaN for none.
        title: for those who cannot see it.
    """
    side = 12 + width_of([f"{name} 0.00" for name in names], _SMALL)
    span = max(len(names) - 1, 1)

    def x(rank: float) -> float:
        return side + (rank - 1) / span * (_WIDTH - 2 * side)

    parts = _axis(len(names), distance, x)
    for at, group in enumerate(groups):
        its = [ranks[each] for each in group]
        level = _AXIS + 8 + 6 * at
        parts.append(line(x(min(its)) - 3, level, x(max(its)) + 3, level, "join"))
    below = _AXIS + 16 + 6 * len(groups)
    parts += _names(names, ranks, below, side, x)
    return drawing(_WIDTH, below + _STEP * ((len(names) + 1) // 2), title, parts)


def _axis(m: int, distance: float, x: Place) -> list[str]:
    """The line of ranks, and the critical difference above it."""
    parts = [line(x(1), _AXIS, x(max(m, 2)), _AXIS, "axis")]
    for tick in range(1, m + 1):
        parts.append(line(x(tick), _AXIS - 4, x(tick), _AXIS, "axis"))
        parts.append(text(x(tick), _AXIS - 8, str(tick), anchor="middle", classes="small"))
    if math.isfinite(distance):
        parts.append(line(x(1), 14, x(1 + min(distance, max(m - 1, 1))), 14, "axis"))
        parts.append(text(x(1) - 6, 18, f"CD {distance:.2f}", anchor="end", classes="small"))
    return parts


def _names(
    names: Sequence[str], ranks: Sequence[float], below: float, side: float, x: Place
) -> list[str]:
    """The better half at the left, the others at the right, each with a line to its rank."""
    order = sorted(range(len(names)), key=lambda each: ranks[each])
    half = (len(names) + 1) // 2
    parts = []
    for at, each in enumerate(order):
        left = at < half
        level = below + _STEP * (at if left else len(names) - 1 - at)
        end, beside = (side - 6, -4) if left else (_WIDTH - side + 6, 4)
        parts.append(path([(x(ranks[each]), _AXIS), (x(ranks[each]), level), (end, level)], "lead"))
        parts.append(shape("circle", "dot", cx=x(ranks[each]), cy=_AXIS, r=2.5))
        told, anchor = f"{names[each]} {ranks[each]:.2f}", "end" if left else "start"
        parts.append(text(end + beside, level + 4, told, anchor=anchor, classes="small"))
    return parts
