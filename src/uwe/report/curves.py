"""The picture of learning curves: an SVG file that stands alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from uwe._files import write_text
from uwe._unicode import unicode_text
from uwe.errors import InputError
from uwe.report.charts import Series, lines_across
from uwe.report.charts.colours import COLOURS, DARK, LIGHT
from uwe.report.charts.svg import line, shape, text, width_of
from uwe.report.sections.words import colours_of
from uwe.runs import Curve

__all__ = ["curves_svg", "plot_curves"]

_CHART = (640.0, 400.0)
_LEFT, _TOP, _RIGHT, _BOTTOM = 22.0, 58.0, 16.0, 10.0
_ROW, _KEY = 19.0, 24.0
_NAMES = [*(f"c{at}" for at in range(COLOURS)), "base"]
_SHAPES = """
text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.title{font-size:16px;font-weight:600} .small{font-size:10.5px}
.line{fill:none;stroke-width:2} .base.line{stroke-dasharray:5 3}
.again.line{stroke-dasharray:1.5 2.5} .band{opacity:.1} .level{stroke-dasharray:2 3}
"""


def plot_curves(curves: Sequence[Curve], path: Path, *, bounds: Sequence[Curve] = ()) -> None:
    """Write the picture of learning curves; a file that already holds it is left alone.

    Args:
        curves: of one study.
        path: of the SVG file.
        bounds: upper bounds, drawn as lines across.

    Raises:
        InputError: the file's name does not end in .svg.
        RunError: the file cannot be written.
    """
    if path.suffix != ".svg":
        raise InputError(f"the picture is SVG, so its name must end in .svg, not {path.name!r}")
    picture = unicode_text(curves_svg(curves, bounds))
    if not path.is_file() or path.read_bytes() != picture.encode():
        write_text(path, picture)


def curves_svg(curves: Sequence[Curve], bounds: Sequence[Curve] = ()) -> str:
    """Mean of the metric against labels with bands of one sample deviation, as an SVG file.

    Its colours are in the file, for light and for dark paper.

    Args:
        curves: of one study.
        bounds: upper bounds, drawn as lines across.
    """
    series = [
        _series(curve, colour) for curve, colour in zip(curves, colours_of(curves), strict=True)
    ]
    chart = lines_across(
        max((curve.labels.tolist() for curve in curves), key=len),
        series,
        _CHART,
        x_label="labelled rows (logarithmic axis)",
        levels=[(_bound_name(bound), float(bound.mean[0])) for bound in bounds],
    )
    title, below = _titles(curves)
    metric = curves[0].metric
    legend, width = _legend(series, _LEFT + _CHART[0] + 6, metric.sign)
    width = math.ceil(max(width, _LEFT + 52 + width_of([title], 16)))
    height = _TOP + max(_CHART[1], _ROW * len(series) + 12) + _BOTTOM
    parts = [
        shape("rect", "paper", width=width, height=height),
        text(_LEFT + 40, 26, title, classes="title"),
        text(_LEFT + 40, 45, below, classes="soft"),
        _upwards(f"test {metric.axis}", 16, _TOP + (_CHART[1] - 32) / 2),
        f'<g transform="translate({_LEFT:g} {_TOP:g})">{"".join(chart)}</g>',
        *legend,
    ]
    return _whole(title, (width, height), parts)


def _series(curve: Curve, colour: str) -> Series:
    """A mean over one run has no band."""
    mean, deviation = curve.mean, curve.std
    return Series(
        curve.method,
        mean.tolist(),
        (mean - deviation).tolist(),
        (mean + deviation).tolist(),
        colour,
    )


def _titles(curves: Sequence[Curve]) -> tuple[str, str]:
    study = curves[0].study
    epochs = f"{study.epochs} epochs" if study.epochs else ""
    parts = [part for part in (study.dataset, study.model, epochs) if part]
    counts = sorted({len(curve.seeds) for curve in curves})
    seeds = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    title = f"Learning curves: {', '.join(parts)}"
    if counts == [1]:
        return title, "one seed"
    return title, f"mean over {seeds} seeds; the band is one sample deviation"


def _bound_name(bound: Curve) -> str:
    return f"all {int(bound.labels[0]):,} labels"


def _legend(series: Sequence[Series], left: float, sign: float) -> tuple[list[str], float]:
    """Names beside the curves, the best last value first; and where the legend ends."""
    ordered = sorted(series, key=lambda each: -sign * _last(each))
    parts = []
    for at, each in enumerate(ordered):
        y = _TOP + 12 + _ROW * at
        parts.append(line(left, y, left + _KEY, y, f"line {each.classes}"))
        parts.append(shape("circle", each.classes, cx=left + _KEY / 2, cy=y, r=2.6))
        parts.append(text(left + _KEY + 7, y + 4, each.name))
    return parts, left + _KEY + 7 + width_of([each.name for each in series]) + _RIGHT


def _last(series: Series) -> float:
    return [value for value in series.y if math.isfinite(value)][-1]


def _upwards(words: str, x: float, y: float) -> str:
    place = f"translate({x:g} {y:g}) rotate(-90)"
    return shape("text", inner=escape(words), transform=place, text_anchor="middle")


def _whole(title: str, size: tuple[float, float], parts: Sequence[str]) -> str:
    width, height = size
    style = f"{_SHAPES}{_rules(LIGHT)}@media (prefers-color-scheme:dark){{\n{_rules(DARK)}}}\n"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _rules(colours: Mapping[str, str]) -> str:
    """The colours as plain rules: programs other than browsers know no CSS variables."""
    rules = [
        f".paper{{fill:{colours['paper']}}} text{{fill:{colours['ink']}}} "
        f".soft{{fill:{colours['soft']}}} .grid{{stroke:{colours['grid']}}} "
        f".axis,.level{{stroke:{colours['soft']}}}"
    ]
    for name in _NAMES:
        value = colours[name]
        rules.append(f".{name}.line{{stroke:{value}}} .{name}.band,circle.{name}{{fill:{value}}}")
    return "\n".join(rules) + "\n"
