"""What a table of curves says, in text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from uwe.runs import Curve
from uwe.runs.cycles import csv_text
from uwe.statistics import labels_to_target

__all__ = ["curve_lines", "random_target", "summary_csv"]

_COLUMNS = (
    "dataset", "model", "epochs", "budgets", "settings", "method", "n_labeled", "n_runs", "mean",
    "std",
)  # fmt: skip


def random_target(curves: Sequence[Curve]) -> float | None:
    """Accuracy of ``random`` at its last budget, in percent; None without it."""
    found = [curve for curve in curves if curve.strategy == "random"]
    return float(found[0].mean[-1]) if found else None


def curve_lines(curves: Sequence[Curve]) -> Iterator[list[str]]:
    """A line for each curve: method, accuracy at each budget, labels to random's last accuracy.

    Every curve is read at the budgets of the longest one; a mean says over how many runs it is
    where not all of them got there.
    """
    target = random_target(curves)
    columns = sorted({int(label) for curve in curves for label in curve.labels})
    for curve in curves:
        at = {int(label): place for place, label in enumerate(curve.labels)}
        cells = [_cell(curve, at[label]) if label in at else "" for label in columns]
        yield [curve.method, *cells, *([] if target is None else [_needed(curve, target)])]


def summary_csv(curves: Sequence[Curve]) -> str:
    """Mean, deviation and n of every curve at every budget, as CSV.

    ``settings`` names those in which studies of the same name differ.
    """
    studies = [curve.study for curve in curves]
    rows = (
        [
            *curve.study.name,
            curve.study.details(studies),
            curve.method,
            int(labels),
            int(n),
            float(mean),
            _or_none(std),
        ]
        for curve in curves
        for labels, n, mean, std in zip(curve.labels, curve.n, curve.mean, curve.std, strict=True)
    )
    return csv_text(_COLUMNS, rows)


def _cell(curve: Curve, place: int) -> str:
    mean, std, n = curve.mean[place], curve.std[place], int(curve.n[place])
    spread = f" ± {std:.1f}" if np.isfinite(std) else ""
    return f"{mean:.1f}{spread}" + (f" (n={n})" if n < len(curve.seeds) else "")


def _needed(curve: Curve, target: float) -> str:
    needed = labels_to_target(curve.labels, curve.mean, target)
    return "not reached" if needed is None else f"{needed:.0f}"


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
