"""Learning curves."""

from __future__ import annotations

from uwe.report.charts import Series, draw_lines
from uwe.report.comparison import Comparison
from uwe.report.document import Column, DataTable, Figure, Section, Text
from uwe.report.sections.words import colour_of, legend, percent, row_of, seeds_told

__all__ = ["curve_section"]

_COLUMNS = (
    Column("strategy", "strategy"),
    Column("n_labeled", "labels"),
    Column("mean", "mean, %", 2),
    Column("low", "from", 2),
    Column("high", "to", 2),
    Column("deviation", "deviation", 2),
    Column("n", "n"),
)


def curve_section(comparison: Comparison) -> Section:
    """Mean accuracy against labels, with an interval of the mean."""
    evidence = comparison.evidence
    series = [
        Series(
            name,
            [each.mean for each in curve],
            [each.low for each in curve],
            [each.high for each in curve],
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
        f"Test accuracy in percent: the mean over {seeds_told(evidence)} with the "
        f"{percent(comparison.level)} Student interval of that mean (n stands in the table). The "
        "interval is of one mean: two strategies may differ though theirs overlap, because they "
        "share their seeds."
    )
    return Section(
        "Learning curves",
        [
            Text(told),
            Figure("Accuracy against labels", chart, _table(comparison), legend(evidence)),
        ],
    )


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
    return DataTable("learning_curves", "Accuracy against labels", _COLUMNS, tuple(rows))


def _or_none(value: float) -> float | None:
    return None if value != value else float(value)
