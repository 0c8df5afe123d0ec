"""What this number of seeds could have shown."""

from __future__ import annotations

from collections.abc import Sequence

from uwe.report.comparison import Comparison, Pair
from uwe.report.document import Column, DataTable, Section, Text
from uwe.report.sections.words import listed

__all__ = ["power_section", "typical"]


def power_section(comparison: Comparison) -> Section:
    """Detectable differences, and how many seeds smaller ones would need."""
    if typical(comparison.pairs) is None:
        return Section("Power", [Text("Too few paired seeds to estimate a deviation from.")])
    points = comparison.evidence.unit.points
    sought = listed([f"{each:g}" for each in comparison.differences])
    told = (
        "From the deviation of each pair's differences between seeds: the true difference of "
        "areas that a paired t-test over this many seeds finds with 80 % power, alone at 5 % and "
        f"at the first step of Holm's correction (5 % / {comparison.tests}); and how many seeds "
        f"would find a difference of {sought}{' ' + points if points else ''}, alone at 5 %. The "
        "deviations are estimates from few seeds themselves."
    )
    return Section("Power", [Text(told), _table(comparison)])


def typical(pairs: Sequence[Pair]) -> Pair | None:
    """The pair whose deviation is the median one (the lower of two), if any was tested."""
    tested = [pair for pair in pairs if pair.detectable is not None]
    if not tested:
        return None
    return sorted(tested, key=lambda pair: pair.difference.deviation)[(len(tested) - 1) // 2]


def _table(comparison: Comparison) -> DataTable:
    methods, unit = comparison.evidence.methods, comparison.evidence.unit
    found = f"found, {unit.points}" if unit.points else "found"
    columns = (
        Column("first", "strategy"),
        Column("second", "and"),
        Column("n", "n"),
        Column("deviation", "deviation", unit.digits),
        Column("detectable", found, unit.digits),
        Column("detectable_holm", "found, Holm", unit.digits),
        *(Column(f"seeds_{each}", f"seeds for {each:g}") for each in comparison.differences),
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
