"""The critical-difference plot: mean ranks on a line, bars over those that cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

from uwe.report.charts.svg import drawing, line, path, shape, text, width_of

__all__ = ["draw_ranks"]

_WIDTH, _STEP = 440.0, 19.0


def draw_ranks(
    names: Sequence[str],
    ranks: Sequence[float],
    groups: Sequence[Sequence[int]],
    distance: float,
    *,
    title: str,
) -> str:
    """Draw mean ranks, 1 at the left; bars join strategies that cannot be told apart.

    Args:
        names: of the strategies.
        ranks: their mean ranks.
        groups: positions of those that cannot be told apart.
        distance: the critical difference, drawn above; NaN for none.
        title: for those who cannot see it.
    """
    m = len(names)
    span = max(m - 1, 1)
    side = 16 + width_of([f"{name} 0.00" for name in names])

    def x(rank: float) -> float:
        return side + (rank - 1) / span * (_WIDTH - 2 * side)

    y = 46.0
    parts = [line(x(1), y, x(max(m, 2)), y, "axis")]
    for tick in range(1, m + 1):
        parts.append(line(x(tick), y - 4, x(tick), y, "axis"))
        parts.append(text(x(tick), y - 8, str(tick), anchor="middle", classes="small"))
    if math.isfinite(distance):
        end = x(1 + min(distance, span))
        parts.append(line(x(1), 14, end, 14, "axis"))
        parts.append(text(x(1) - 6, 18, f"CD {distance:.2f}", anchor="end", classes="small"))
    for at, group in enumerate(groups):
        its = [ranks[each] for each in group]
        level = y + 8 + 6 * at
        parts.append(line(x(min(its)) - 3, level, x(max(its)) + 3, level, "join"))
    below = y + 16 + 6 * len(groups)
    order = sorted(range(m), key=lambda each: ranks[each])
    half = (m + 1) // 2
    for at, each in enumerate(order):
        left = at < half
        level = below + _STEP * (at if left else m - 1 - at)
        end = side - 6 if left else _WIDTH - side + 6
        parts.append(path([(x(ranks[each]), y), (x(ranks[each]), level), (end, level)], "lead"))
        parts.append(shape("circle", "dot", cx=x(ranks[each]), cy=y, r=2.5))
        told = f"{names[each]} {ranks[each]:.2f}"
        parts.append(
            text(end - 4 if left else end + 4, level + 4, told, anchor="end" if left else "start")
        )
    return drawing(_WIDTH, below + _STEP * half, title, parts)
