"""Areas under the budget curves, and the paired differences between them."""

from __future__ import annotations

from uwe.report.charts import draw_dots
from uwe.report.comparison import Comparison, Pair
from uwe.report.document import Block, Column, DataTable, Figure, Section, Text
from uwe.report.sections.words import (
    colour_of,
    interval_columns,
    none_if_nan,
    percent,
    row_of,
)
from uwe.report.units import Unit

__all__ = ["area_section"]

_SCALES = {"log": "the logarithm of the labels", "linear": "the labels"}


def area_section(comparison: Comparison) -> Section:
    """Areas, differences against random, and every pair."""
    evidence = comparison.evidence
    unit = evidence.unit
    blocks: list[Block] = [
        Text(
            f"The area under a run's curve by the trapezoid rule over {_SCALES[evidence.scale]}, "
            f"divided by its width: it reads as a {unit.averaged}"
            f"{unit.told.removeprefix(unit.metric.label)} over the budgets"
            f"{'' if unit.metric.higher_is_better else ', and a smaller one is better'}. "
            f"Intervals are {percent(comparison.level)} Student intervals of the mean over seeds."
        ),
        _areas(comparison),
        Text(
            "Differences are taken seed by seed, between strategies that began from the same "
            "rows and the same model. Holm's correction is over all pairs of this study "
            f"({comparison.tests} tests): 5 % is the chance of any false alarm among them."
        ),
    ]
    if evidence.baseline is not None and len(evidence.curves) > 1:
        blocks.append(_against_random(comparison, evidence.baseline))
    if comparison.pairs:
        blocks.append(_pair_table(comparison))
    return Section("Area under the curve", blocks)


def _areas(comparison: Comparison) -> Figure:
    evidence, places = comparison.evidence, comparison.order
    unit = evidence.unit
    dots = [
        (evidence.methods[at], *comparison.areas[at][:3], colour_of(evidence, at)) for at in places
    ]
    columns = (
        Column("strategy", "strategy"),
        Column("area", unit.titled("area"), unit.digits),
        *interval_columns(unit),
    )
    rows = tuple((evidence.methods[at], *row_of(comparison.areas[at])) for at in places)
    x_label = unit.titled(f"area: {unit.averaged} over the budgets") + unit.direction
    chart = draw_dots(dots, title="Mean areas with intervals", x_label=x_label)
    return Figure("Area of each strategy", chart, DataTable("areas", "Areas", columns, rows))


def _against_random(comparison: Comparison, base: int) -> Figure:
    evidence = comparison.evidence
    places = [at for at in comparison.order if at != base]
    pairs = [comparison.pair(at, base) for at in places]
    dots = [
        (evidence.methods[at], *pair.difference[:3], colour_of(evidence, at))
        for at, pair in zip(places, pairs, strict=True)
    ]
    unit = evidence.unit
    told = "area less random's on the same seeds"
    chart = draw_dots(
        dots,
        title="Differences of areas against random",
        x_label=(f"{told}, {unit.points}" if unit.points else told) + unit.direction,
        zero=0.0,
    )
    table = DataTable(
        "against_random",
        "Area against random",
        _pair_columns(unit),
        tuple(_cells(comparison, pair) for pair in pairs),
    )
    return Figure("Area against random", chart, table)


def _pair_columns(unit: Unit) -> tuple[Column, ...]:
    return (
        Column("first", "strategy"),
        Column("second", "less"),
        Column("difference", unit.points or "difference", unit.digits),
        *interval_columns(unit),
        Column("p", "p", 4),
        Column("p_holm", "p, Holm", 4),
        Column("verdict", "verdict"),
    )


def _pair_table(comparison: Comparison) -> DataTable:
    order = comparison.order
    pairs = [
        comparison.pair(first, second)
        for at, first in enumerate(order)
        for second in order[at + 1 :]
    ]
    return DataTable(
        "pairs",
        "Every pair: area of the first less that of the second",
        _pair_columns(comparison.evidence.unit),
        tuple(_cells(comparison, pair) for pair in pairs),
    )


def _cells(comparison: Comparison, pair: Pair) -> tuple[str | float | int | None, ...]:
    methods = comparison.evidence.methods
    return (
        methods[pair.first],
        methods[pair.second],
        *row_of(pair.difference),
        none_if_nan(pair.p),
        none_if_nan(pair.corrected),
        _verdict(comparison, pair),
    )


def _verdict(comparison: Comparison, pair: Pair) -> str:
    if none_if_nan(pair.p) is None:
        return "not tested"
    if not pair.differs:
        return "no significant difference"
    return "better" if comparison.gain(pair) > 0 else "worse"
