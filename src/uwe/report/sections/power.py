"""What this number of seeds could have shown."""

from __future__ import annotations

from collections.abc import Sequence

from uwe.report.comparison import POINTS, Comparison, Pair
from uwe.report.document import Column, DataTable, Section, Text

__all__ = ["power_section", "typical"]


def power_section(comparison: Comparison) -> Section:
    """Detectable differences, and how many seeds smaller ones would need."""
    if typical(comparison.pairs) is None:
        return Section("Power", [Text("Too few paired seeds to estimate a deviation from.")])
    told = (
        "From the deviation of each pair's differences between seeds: the true difference of "
        "areas that a paired t-test over this many seeds finds with 80 % power, alone at 5 % and "
        f"at the first step of Holm's correction (5 % / {comparison.tests}); and how many seeds "
        "would find a difference of 1, 0.5 and 0.2 points, alone at 5 %. The deviations are "
        "estimates from few seeds themselves."
    )
    return Section("Power", [Text(told), _table(comparison)])


def typical(pairs: Sequence[Pair]) -> Pair | None:
    """The pair whose deviation is the median one (the lower of two), if any was tested."""
    tested = [pair for pair in pairs if pair.detectable is not None]
    if not tested:
        return None
    return sorted(tested, key=lambda pair: pair.difference.deviation)[(len(tested) - 1) // 2]


def _table(comparison: Comparison) -> DataTable:
    methods = comparison.evidence.methods
    columns = (
        Column("first", "strategy"),
        Column("second", "and"),
        Column("n", "n"),
        Column("deviation", "deviation", 2),
        Column("detectable", "found, points", 2),
        Column("detectable_holm", "found, Holm", 2),
        *(Column(f"seeds_{points}", f"seeds for {points:g}") for points in POINTS),
    )
    rows = [
        (
            methods[pair.first],
            methods[pair.second],
            pair.difference.n,
            pair.difference.deviation,
            pair.detectable,
            pair.detectable_first,
            *pair.seeds,
        )
        for pair in comparison.pairs
        if pair.detectable is not None
    ]
    return DataTable("power", "Detectable differences and seeds needed", columns, tuple(rows))
