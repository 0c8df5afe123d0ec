"""What each strategy costs, beside what it gains."""

from __future__ import annotations

import math

from uwe.report.artefacts import costs
from uwe.report.comparison import Comparison
from uwe.report.document import Cell, Column, DataTable, Section, Text
from uwe.report.sections.words import none_if_nan
from uwe.report.units import Unit

__all__ = ["cost_section"]

_SUMMED = ("train_seconds", "pass_seconds", "query_time")


def cost_section(comparison: Comparison) -> Section:
    """Seconds of training, pool pass and selection, and peak memory, of each strategy."""
    found: dict[int, list[dict[str, list[float]]]] = {}
    for run in comparison.evidence.runs():
        read = costs(run, (*_SUMMED, "peak_memory_mb"))
        if read:
            found.setdefault(run.place, []).append(read)
    if not found:
        return Section("Cost beside gain", [Text("The runs' tables tell no times.")])
    told = (
        "Seconds of a whole run, the mean over its seeds, without cycle 0, which all strategies "
        "share; on the machine and under the load of the time. Peak memory is the largest of the "
        "runs, of the process or of the GPU; a process that runs several strategies one after "
        "another keeps the peak of those before."
    )
    unit = comparison.evidence.unit
    rows = tuple(_row(comparison, at, found[at]) for at in comparison.order if at in found)
    return Section(
        "Cost beside gain", [Text(told), DataTable("cost", "Cost", _columns(unit), rows)]
    )


def _columns(unit: Unit) -> tuple[Column, ...]:
    gain = "over random" if unit.metric.higher_is_better else "below random"
    return (
        Column("strategy", "strategy"),
        Column("train_seconds", "training, s", 1),
        Column("pass_seconds", "pool pass, s", 2),
        Column("query_time", "selection, s", 3),
        Column("peak_memory_mb", "peak memory, MB", 0),
        Column("area", unit.titled("area"), unit.digits),
        Column("gain", gain, unit.digits),
        Column("n", "runs"),
    )


def _row(comparison: Comparison, at: int, runs: list[dict[str, list[float]]]) -> tuple[Cell, ...]:
    base = comparison.evidence.baseline
    gain = math.nan
    if base is not None and base != at:
        gain = comparison.gain(comparison.pair(at, base))
    peaks = [max(run["peak_memory_mb"]) for run in runs if "peak_memory_mb" in run]
    return (
        comparison.evidence.methods[at],
        *(_mean([sum(run[name][1:]) for run in runs if name in run]) for name in _SUMMED),
        max(peaks) if peaks else None,
        none_if_nan(comparison.areas[at].mean),
        none_if_nan(gain),
        len(runs),
    )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
