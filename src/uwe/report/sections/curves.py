"""Learning curves."""

from __future__ import annotations

from uwe.report.charts import Series, draw_lines
from uwe.report.comparison import Comparison
from uwe.report.document import Column, DataTable, Figure, Section, Text
from uwe.report.evidence import Evidence
from uwe.report.sections.words import (
    colour_of,
    interval_columns,
    legend,
    percent,
    row_of,
    seeds_told,
)

__all__ = ["curve_section"]


def curve_section(comparison: Comparison) -> Section:
    """Mean of the metric against labels, with an interval of the mean."""
    evidence = comparison.evidence
    metric = evidence.metric
    least, most = (metric.scale * bound for bound in metric.bounds)
    series = [
        Series(
            name,
            [each.mean for each in curve],
            [max(each.low, least) for each in curve],
            [min(each.high, most) for each in curve],
            colour_of(evidence, at),
        )
        for at, (name, curve) in enumerate(zip(evidence.methods, comparison.curves, strict=True))
    ]
    levels = [(f"all {int(b.labels[0]):,} labels", float(b.mean[0])) for b in evidence.bounds]
    chart = draw_lines(
        evidence.labels.tolist(),
        series,
        title=f"Learning curves: {evidence.title}",
        x_label=f"labelled rows ({_axis(evidence.scale)})",
        scale=evidence.scale,
        levels=levels,
    )
    told = (
        f"Test {evidence.unit.told}{evidence.unit.direction}: the mean over "
        f"{seeds_told(evidence)} with the {percent(comparison.level)} Student interval of that "
        "mean (n stands in the table). The interval is of one mean: two strategies may differ "
        "though theirs overlap, because they share their seeds. Bands end where the metric does."
    )
    return Section(
        "Learning curves",
        [
            Text(told),
            Figure(_title(evidence), chart, _table(comparison), legend(evidence)),
        ],
    )


def _title(evidence: Evidence) -> str:
    return f"{evidence.unit.heading} against labels"


def _axis(scale: str) -> str:
    return {"log": "logarithmic axis", "linear": "linear axis"}[scale]


def _table(comparison: Comparison) -> DataTable:
    evidence = comparison.evidence
    rows = [
        (name, int(labels), *row_of(interval))
        for name, curve in zip(evidence.methods, comparison.curves, strict=True)
        for labels, interval in zip(evidence.labels, curve, strict=True)
        if interval.n
    ]
    rows += [
        (
            "supervised",
            int(b.labels[0]),
            float(b.mean[0]),
            None,
            None,
            _or_none(b.std[0]),
            int(b.n[0]),
        )
        for b in evidence.bounds
    ]
    unit = evidence.unit
    columns = (
        Column("strategy", "strategy"),
        Column("n_labeled", "labels"),
        Column("mean", unit.titled("mean"), unit.digits),
        *interval_columns(unit),
    )
    return DataTable("learning_curves", _title(evidence), columns, tuple(rows))


def _or_none(value: float) -> float | None:
    return None if value != value else float(value)
