"""How numbers and lists are told in sentences."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from uwe.report.charts.colours import colour
from uwe.report.document import Column
from uwe.report.evidence import BASELINE, Evidence
from uwe.report.units import Unit
from uwe.runs import Curve
from uwe.statistics import Interval
from uwe.tasks import Task

__all__ = [
    "colour_of",
    "colours_of",
    "interval_columns",
    "label_told",
    "legend",
    "listed",
    "none_if_nan",
    "percent",
    "row_of",
    "seeds_told",
]


def listed(names: Sequence[str]) -> str:
    """Names with commas and an "and".

    >>> listed(["uwe", "badge", "random"])
    'uwe, badge and random'
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def percent(level: float) -> str:
    """A level for people.

    >>> percent(0.95)
    '95 %'
    """
    return f"{100 * level:g} %"


def none_if_nan(value: float) -> float | None:
    """NaN is nothing in a table."""
    return None if math.isnan(value) else float(value)


def row_of(interval: Interval) -> tuple[float | int | None, ...]:
    """Mean, ends, deviation and n as cells."""
    mean, low, high, deviation, n = interval
    return (*(none_if_nan(each) for each in (mean, low, high, deviation)), n)


def label_told(task: Task, value: Any) -> str:
    """A label for people: a class, several classes, or a number.

    Args:
        task: with the names of its classes.
        value: of JSON, as in journals; None where nobody answered.

    >>> from uwe.tasks import multilabel
    >>> label_told(multilabel(["beach", "sea"]), [0, 1])
    'beach, sea'
    """
    if value is None:
        return "not labelled"
    if task.widget in _TOLD:
        return _TOLD[task.widget](task, value)
    decoded = task.targets.decode(value)
    if isinstance(decoded, int | float):
        return Unit.of(task.headline, np.array([decoded])).value(decoded)
    if isinstance(decoded, list | tuple):
        return ", ".join(map(str, decoded)) or "no class"
    return str(decoded)


def _boxes_told(task: Task, value: Any) -> str:
    counts = Counter(value["classes"])
    return ", ".join(f"{counts[at]} {task.classes[at]}" for at in sorted(counts)) or "no object"


_TOLD: Mapping[str, Callable[[Task, Any], str]] = {
    "mask": lambda _, value: str(value["mask"]) or "a mask",
    "boxes": _boxes_told,
}
"""By the widget of a task, how labels are told that cannot be written out."""


def interval_columns(unit: Unit) -> tuple[Column, ...]:
    """The columns of `row_of` after the mean."""
    return (
        Column("low", "from", unit.digits),
        Column("high", "to", unit.digits),
        Column("deviation", "deviation", unit.digits),
        Column("n", "n"),
    )


def seeds_told(evidence: Evidence) -> str:
    """How many seeds there are.

    Strategies may have different ones; then the least and the most are told.
    """
    counts = sorted({len(curve.seeds) for curve in evidence.curves})
    if len(counts) > 1:
        return f"{counts[0]} to {counts[-1]} seeds"
    return f"{counts[0]} seed{'s' if counts[0] != 1 else ''}"


def colours_of(curves: Sequence[Curve]) -> list[str]:
    """The class of each strategy's colour; random is grey and dashed."""
    places = itertools.count()
    return ["base" if each.strategy == BASELINE else colour(next(places)) for each in curves]


def colour_of(evidence: Evidence, at: int) -> str:
    """The class of one strategy's colour."""
    return colours_of(evidence.curves)[at]


def legend(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """Names and colours of all strategies."""
    return tuple(zip(evidence.methods, colours_of(evidence.curves), strict=True))
