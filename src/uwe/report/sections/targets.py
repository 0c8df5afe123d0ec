"""How many labels each strategy needs to reach a target."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from uwe.report.charts import draw_dots
from uwe.report.comparison import COVERAGE_AT, Comparison, Target
from uwe.report.document import Block, Cell, Column, DataTable, Figure, Section, Text
from uwe.report.sections.words import colour_of, none_if_nan, percent

__all__ = ["coverage_told", "target_section"]


def target_section(comparison: Comparison) -> Section:
    """Labels to target, the saving against random, and how well the intervals cover."""
    title = "Labels to target"
    if comparison.target is None:
        return Section(
            title,
            [Text("There is no run of random to take a target from; give one with --target.")],
        )
    return Section(title, [Text(_told(comparison)), *_figure(comparison), *_coverage(comparison)])


def coverage_told(comparison: Comparison) -> str:
    """The measured coverage in one phrase; empty where it could not be measured."""
    means = _mean_coverage(comparison.targets)
    shown = [
        f"{100 * each:.1f} % at n = {n}"
        for n, each in zip(COVERAGE_AT, means, strict=False)
        if math.isfinite(each)
    ]
    return ", ".join(shown)


def _aim(comparison: Comparison) -> str:
    return comparison.evidence.unit.value(comparison.target or 0.0)


def _told(comparison: Comparison) -> str:
    evidence = comparison.evidence
    side = "below" if evidence.metric.higher_is_better else "above"
    source = (
        "as was asked for"
        if comparison.target_is_given
        else "what random reaches at its last budget, seed by seed"
    )
    return (
        f"The target is {_aim(comparison)}, {source}. A strategy's mean curve is made monotone by "
        "isotonic regression and read linearly in the logarithm of the labels. The "
        f"{percent(comparison.level)} interval holds every number of labels at which a paired "
        "Student test over the seeds does not tell the strategy from the target: a bootstrap of so "
        f"few seeds covers too rarely. \u201cBeyond\u201d: the last budget may lie {side} the "
        "target."
    )


def _figure(comparison: Comparison) -> list[Block]:
    evidence = comparison.evidence
    places = sorted(
        range(len(comparison.targets)),
        key=lambda at: comparison.targets[at].found.labels or math.inf,
    )
    last = float(evidence.labels[-1])
    dots = [
        (evidence.methods[at], *_shown(comparison.targets[at], last), colour_of(evidence, at))
        for at in places
    ]
    columns = (
        Column("strategy", "strategy"),
        Column("labels", "labels", 0),
        Column("low", "from", 0),
        Column("high", "to", 0),
        Column("saved", "fewer than random", 0),
        Column("saved_percent", "fewer, %", 0),
        Column("n", "n"),
        *(Column(f"coverage_{n}", f"covers, n = {n}", 3) for n in COVERAGE_AT),
    )
    rows = tuple(_cells(evidence.methods[at], comparison.targets[at]) for at in places)
    table = DataTable("labels_to_target", "Labels to target", columns, rows)
    chart = draw_dots(dots, title="Labels to target", x_label=f"labels to reach {_aim(comparison)}")
    return [Figure("Labels to target", chart, table)]


def _shown(target: Target, last: float) -> tuple[float, float, float]:
    """The dot and its bar; a value beyond the last budget ends there."""
    found = target.found
    value = math.nan if found.labels is None else found.labels
    return value, min(found.low, last), min(found.high, last)


def _cells(name: str, target: Target) -> tuple[Cell, ...]:
    found = target.found
    coverage = (*target.coverage, *(None,) * len(COVERAGE_AT))[: len(COVERAGE_AT)]
    return (
        name,
        "not reached" if found.labels is None else found.labels,
        none_if_nan(found.low),
        none_if_nan(found.high),
        target.saving,
        target.share,
        found.n,
        *coverage,
    )


def _coverage(comparison: Comparison) -> list[Block]:
    told = coverage_told(comparison)
    if not told:
        return []
    return [
        Text(
            f"Measured coverage of these {percent(comparison.level)} intervals: {told}, in 1,000 "
            "simulated studies of each size with this study's mean curves as the truth and the "
            "scatter of its runs, averaged over the strategies that reach the target."
        )
    ]


def _mean_coverage(targets: Sequence[Target]) -> list[float]:
    rows = [each.coverage for each in targets if each.coverage and None not in each.coverage]
    if not rows:
        return [math.nan] * len(COVERAGE_AT)
    means: list[float] = np.array(rows, dtype=np.float64).mean(0).tolist()
    return means
