"""The sentences that matter, and the one table for the terminal."""

from __future__ import annotations

import math

from uwe.report.comparison import Comparison, Target
from uwe.report.document import Cell, Column, DataTable
from uwe.report.sections.power import typical
from uwe.report.sections.targets import coverage_told
from uwe.report.sections.words import listed, none_if_nan, percent
from uwe.statistics.paired import LEAST_PAIRS

__all__ = ["sentences", "summary_table"]


def sentences(comparison: Comparison) -> tuple[str, str, str]:
    """Who is better, what is saved, and how much this number of seeds could show."""
    return (_who(comparison), _saved(comparison), _power(comparison))


def summary_table(comparison: Comparison) -> DataTable:
    """One line a strategy, narrow enough for a terminal of 80 columns."""
    unit = comparison.evidence.unit
    columns = (
        Column("strategy", "strategy"),
        Column("area", unit.titled("area"), unit.digits),
        Column("half_width", "±", unit.digits),
        Column("rank", "rank", 2),
        Column("wins", "better"),
        Column("losses", "worse"),
        Column("labels", "labels", 0),
        Column("low", "from", 0),
        Column("high", "to", 0),
        Column("saved_percent", "saved, %", 0),
        Column("n", "n"),
    )
    rows = tuple(_line(comparison, at) for at in comparison.order)
    return DataTable("summary", comparison.evidence.title, columns, rows, _note(comparison))


def _line(comparison: Comparison, at: int) -> tuple[Cell, ...]:
    area = comparison.areas[at]
    verdicts = [comparison.pair(at, other) for other in range(len(comparison.areas)) if other != at]
    tested = comparison.tests > 0
    wins = sum(pair.differs and comparison.gain(pair) > 0 for pair in verdicts)
    losses = sum(pair.differs and comparison.gain(pair) < 0 for pair in verdicts)
    target = comparison.targets[at] if comparison.targets else None
    return (
        comparison.evidence.methods[at],
        none_if_nan(area.mean),
        none_if_nan((area.high - area.low) / 2),
        none_if_nan(float(comparison.ranking.ranks.mean[at])),
        wins if tested else None,
        losses if tested else None,
        *_labels(target),
        area.n,
    )


def _labels(target: Target | None) -> tuple[Cell, ...]:
    """Labels to target, their interval, and the saving in percent."""
    if target is None or not target.found.n:
        return (None,) * 4
    found = target.found
    labels = "not reached" if found.labels is None else found.labels
    return (labels, none_if_nan(found.low), none_if_nan(found.high), target.share)


def _note(comparison: Comparison) -> str:
    unit = comparison.evidence.unit
    told = (
        f"area: {unit.averaged}{unit.direction} over {comparison.evidence.scale} budgets, "
        "± half its "
        f"{percent(comparison.level)} interval; better, worse: than how many others, by Holm"
    )
    if comparison.target is None:
        return told
    return f"{told}; labels: to reach {unit.value(comparison.target)}"


def _who(comparison: Comparison) -> str:
    methods, order = comparison.evidence.methods, comparison.order
    unit, best = comparison.evidence.unit, order[0]
    area = comparison.areas[best]
    if math.isnan(area.mean):
        return "No run is whole, so no area can be compared."
    if len(methods) == 1:
        return (
            f"{methods[best]} alone was run (area {unit.value(area.mean)}); there is nothing to "
            "compare."
        )
    if not comparison.tests:
        most = max(pair.difference.n for pair in comparison.pairs)
        return (
            f"{most} paired seed{'s are' if most != 1 else ' is'} too few to rank anything "
            f"({LEAST_PAIRS} are the least): no test was made. The {unit.best} area is "
            f"{methods[best]}'s, {unit.value(area.mean)}, which may be chance."
        )
    return _ranked(comparison, best)


def _ranked(comparison: Comparison, best: int) -> str:
    methods, unit = comparison.evidence.methods, comparison.evidence.unit
    pairs = [comparison.pair(best, other) for other in comparison.order[1:]]
    beaten = [methods[pair.second] for pair in pairs if pair.differs]
    level = [methods[pair.second] for pair in pairs if not pair.differs]
    found = sum(pair.differs for pair in comparison.pairs)
    told = (
        f"{methods[best]} has the {unit.best} area, {unit.value(comparison.areas[best].mean)}; by "
        f"Holm's test over all {comparison.tests} pairs it is better than "
        f"{listed(beaten) or 'none'}"
    )
    if level:
        told += f"; no significant difference from {listed(level)}"
    return f"{told} ({found} of {comparison.tests} pairs differ)."


def _saved(comparison: Comparison) -> str:
    evidence = comparison.evidence
    if comparison.target is None:
        return "There is no run of random, so no saving against it can be told; --target sets one."
    reached = [
        (each.found.labels, at)
        for at, each in enumerate(comparison.targets)
        if each.found.labels is not None and at != evidence.baseline
    ]
    aim = evidence.unit.value(comparison.target)
    if not comparison.target_is_given:
        aim = f"random's last {evidence.metric.label} ({aim})"
    if not reached:
        return f"No strategy other than random reaches {aim}."
    labels, at = min(reached)
    target = comparison.targets[at]
    told = f"{evidence.methods[at]} reaches {aim} first, with {labels:,.0f} labels"
    if not math.isnan(target.found.low):
        high = (
            "beyond the last budget"
            if math.isinf(target.found.high)
            else f"{target.found.high:,.0f}"
        )
        told += f" ({percent(comparison.level)} interval {target.found.low:,.0f} to {high})"
    if target.saving is not None and target.share is not None:
        word = "fewer" if target.saving >= 0 else "more"
        told += f", {abs(target.saving):,.0f} {word} than random ({abs(target.share):.0f} %)"
    coverage = coverage_told(comparison)
    return f"{told}." + (f" Such intervals cover {coverage} in simulation." if coverage else "")


def _power(comparison: Comparison) -> str:
    pair = typical(comparison.pairs)
    if pair is None or pair.detectable is None or pair.detectable_first is None:
        return (
            "The evidence is too thin to say what difference could have been found: at least "
            f"{LEAST_PAIRS} paired seeds whose differences scatter are needed."
        )
    needs = ", ".join(
        f"{each:g}: {'over a million' if seeds is None else f'{seeds:,}'}"
        for each, seeds in zip(comparison.differences, pair.seeds, strict=True)
    )
    unit = comparison.evidence.unit
    many = f"of so many {unit.points}" if unit.points else "of so much"
    return (
        f"{pair.difference.n} paired seeds find a difference of {unit.difference(pair.detectable)} "
        f"with 80 % power in a test alone, and of {unit.number(pair.detectable_first)} under "
        f"Holm's correction (the median pair); seeds needed for a difference {many}: {needs}."
    )
