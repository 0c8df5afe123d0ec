"""The few shapes that the charts are made of, and where axes have their ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

__all__ = [
    "drawing",
    "line",
    "nice_ticks",
    "path",
    "shape",
    "text",
    "width_of",
]

_FONT = 12.0
_GLYPH = 0.56  # mean width of a glyph, in font sizes


def drawing(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """A whole SVG that is as wide as its place, at most twice its own width."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}" '
        f'style="max-width:{1.5 * width:g}px">{"".join(parts)}</svg>'
    )


def shape(name: str, classes: str = "", inner: str = "", **attributes: float | str) -> str:
    """One element; numbers are shortened, underscores in names are dashes."""
    told = "".join(
        f' {key.replace("_", "-")}="{_short(value)}"' for key, value in attributes.items()
    )
    cls = f' class="{classes}"' if classes else ""
    return f"<{name}{cls}{told}>{inner}</{name}>" if inner else f"<{name}{cls}{told}/>"


def line(x1: float, y1: float, x2: float, y2: float, classes: str) -> str:
    """A straight line."""
    return shape("line", classes, x1=x1, y1=y1, x2=x2, y2=y2)


def path(points: Sequence[tuple[float, float]], classes: str, *, end: str = "") -> str:
    """A broken line through ``points``; ``end`` is Z for an area."""
    if not points:
        return ""
    steps = "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return shape("path", classes, d=f"M{steps}{end}")


def text(x: float, y: float, content: str, *, anchor: str = "start", classes: str = "") -> str:
    """A line of text; ``anchor`` is start, middle or end."""
    more = {} if anchor == "start" else {"text_anchor": anchor}
    return shape("text", classes, escape(content), x=x, y=y, **more)


def width_of(words: Sequence[str], size: float = _FONT) -> float:
    """About how wide the longest of ``words`` is."""
    return max((len(word) for word in words), default=0) * size * _GLYPH


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from within ``low`` to ``high``, at most about ``most`` of them.

    >>> nice_ticks(0.0, 9.0)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    span = high - low
    if not span > 0:
        return [low]
    rough = span / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _short(value: float | str) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
