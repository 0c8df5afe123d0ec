"""What a table of curves says, in text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from uwe.report.units import Unit
from uwe.runs import Curve, details_of
from uwe.runs.cycles import csv_text
from uwe.runs.metric import ACCURACY
from uwe.statistics import labels_to_target

__all__ = ["curve_lines", "random_target", "short_unit", "summary_csv"]

COLUMNS = (
    "dataset", "model", "epochs", "budgets", "settings", "method", "n_labeled", "n_runs", "mean",
    "std",
)  # fmt: skip


def random_target(curves: Sequence[Curve]) -> float | None:
    """Value of ``random`` at its last budget, a share in percent; None without it."""
    found = [curve for curve in curves if curve.strategy == "random"]
    return float(found[0].mean[-1]) if found else None


def short_unit(curves: Sequence[Curve]) -> Unit:
    """How values of a study are written where there is little room: one decimal less."""
    values = np.concatenate([curve.values.ravel() for curve in curves])
    unit = Unit.of(curves[0].metric, values)
    return Unit(unit.metric, max(unit.digits - 1, 0))


def curve_lines(curves: Sequence[Curve]) -> Iterator[list[str]]:
    """A line for each curve: method, value at each budget, labels to random's last value.

    Every curve is read at the budgets of the longest one; a mean says over how many runs it is
    where not all of them got there.
    """
    if not curves:
        return
    target, unit = random_target(curves), short_unit(curves)
    columns = sorted({int(label) for curve in curves for label in curve.labels})
    for curve in curves:
        at = {int(label): place for place, label in enumerate(curve.labels)}
        cells = [_cell(curve, at[label], unit) if label in at else "" for label in columns]
        yield [curve.method, *cells, *([] if target is None else [_needed(curve, target)])]


def summary_csv(curves: Sequence[Curve]) -> str:
    """Mean, deviation and n of every curve at every budget, as CSV.

    ``settings`` names those in which studies of the same name differ. Where a curve is not of the
    accuracy, a last column ``metric`` names the metric of each.
    """
    is_named = any(curve.metric.name != ACCURACY.name for curve in curves)
    details = details_of(curve.study for curve in curves)
    rows = (
        [
            *curve.study.name,
            details[curve.study],
            curve.method,
            int(labels),
            int(n),
            float(mean),
            _or_none(std),
            *([curve.metric.name] if is_named else []),
        ]
        for curve in curves
        for labels, n, mean, std in zip(curve.labels, curve.n, curve.mean, curve.std, strict=True)
    )
    return csv_text((*COLUMNS, "metric") if is_named else COLUMNS, rows)


def _cell(curve: Curve, place: int, unit: Unit) -> str:
    mean, std, n = curve.mean[place], curve.std[place], int(curve.n[place])
    spread = f" ± {unit.number(std)}" if np.isfinite(std) else ""
    return f"{unit.number(mean)}{spread}" + (f" (n={n})" if n < len(curve.seeds) else "")


def _needed(curve: Curve, target: float) -> str:
    sign = curve.metric.sign
    needed = labels_to_target(curve.labels, sign * curve.mean, sign * target)
    return "not reached" if needed is None else f"{needed:.0f}"


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
