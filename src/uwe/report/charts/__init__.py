"""Charts as inline SVG: few shapes, colours from the page's style, text that stays text."""

from uwe.report.charts.dots import draw_dots
from uwe.report.charts.heat import draw_heat
from uwe.report.charts.lines import Series, draw_lines, lines_across
from uwe.report.charts.ranks import draw_ranks
from uwe.report.charts.scatter import draw_scatter

__all__ = [
    "Series",
    "draw_dots",
    "draw_heat",
    "draw_lines",
    "draw_ranks",
    "draw_scatter",
    "lines_across",
]
