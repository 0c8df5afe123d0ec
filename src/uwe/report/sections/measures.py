"""Beside accuracy: balance over classes, calibration, and which classes were queried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.data import Dataset
from uwe.journal import Answered, Queried
from uwe.report.artefacts import events_of, test_logits
from uwe.report.charts import draw_heat
from uwe.report.comparison import Comparison
from uwe.report.document import Column, DataTable, Figure, Section, Text
from uwe.report.evidence import Evidence
from uwe.report.sections.words import none_if_nan
from uwe.statistics import Measures, measure

__all__ = ["measure_sections"]

Counts: TypeAlias = npt.NDArray[np.int64]

_MEASURES = ("accuracy", "balanced_accuracy", "macro_f1", "calibration_error")


def measure_sections(comparison: Comparison, data: Dataset | None, why: str) -> list[Section]:
    """Measures at the last budget, accuracy of each class, and the classes of what was queried.

    Args:
        comparison: the study.
        data: its data, for the labels of the test rows and the names of classes; None without.
        why: why there is no data.
    """
    evidence = comparison.evidence
    sections = [_queried_section(evidence, data)]
    if data is None:
        told = f"Left out, as the labels of the test rows are not at hand: {why}."
        return [Section("Beside accuracy", [Text(told)]), *sections]
    found = {
        at: runs for at in range(len(evidence.curves)) if (runs := _measured(evidence, at, data))
    }
    if not found:
        told = "Left out: the runs' logits of the test rows are not there."
        return [Section("Beside accuracy", [Text(told)]), *sections]
    return [_section(comparison, found, data), *sections]


def _measured(evidence: Evidence, at: int, data: Dataset) -> list[Measures]:
    """Measures of each whole run of a strategy at the last budget."""
    last = len(evidence.labels) - 1
    logits = [test_logits(run.record, last) for run in evidence.runs() if run.place == at]
    fitting = [each for each in logits if each is not None and len(each) == len(data.test)]
    return [measure(each, data.test.y) for each in fitting]


_COLUMNS = (
    Column("strategy", "strategy"),
    Column("accuracy", "accuracy, %", 2),
    Column("balanced_accuracy", "balanced, %", 2),
    Column("macro_f1", "macro F1, %", 2),
    Column("calibration_error", "calibration error, %", 2),
    Column("worst_class", "worst class, %", 1),
    Column("n", "runs"),
)


def _section(comparison: Comparison, found: dict[int, list[Measures]], data: Dataset) -> Section:
    order = [at for at in comparison.order if at in found]
    names = [comparison.evidence.methods[at] for at in order]
    recall = [np.mean([each.recall for each in found[at]], axis=0) for at in order]
    rows = tuple(
        (name, *_means(found[at]), none_if_nan(100 * float(np.nanmin(its))), len(found[at]))
        for name, at, its in zip(names, order, recall, strict=True)
    )
    told = (
        f"At the last budget, {int(comparison.evidence.labels[-1]):,} labels, from the saved "
        "logits of the test rows; means over runs. Balanced accuracy is the mean over classes; the "
        "calibration error is that of 15 equal bins of the predicted class's probability, before "
        "any recalibration."
    )
    table = DataTable("measures", "Beside accuracy", _COLUMNS, rows)
    figure = _by_class(
        DataTable("per_class_accuracy", "Accuracy of each class, %", (), ()),
        names, recall, data.classes, most=1.0,
    )  # fmt: skip
    return Section("Beside accuracy", [Text(told), table, figure])


def _means(measures: Sequence[Measures]) -> list[float]:
    """The mean of each measure over runs, in percent."""
    return [100 * float(np.mean([getattr(each, name) for each in measures])) for name in _MEASURES]


def _queried_section(evidence: Evidence, data: Dataset | None) -> Section:
    """Shares of classes among the queried rows, cycle 0 left out."""
    title = "Classes of what was queried"
    counts = {
        evidence.methods[at]: each
        for at in range(len(evidence.curves))
        if len(each := _queried_classes(evidence, at))
    }
    if not counts:
        return Section(title, [Text("The runs' journals are not there.")])
    c = max(len(each) for each in counts.values())
    if data is not None and len(data.classes) >= c:
        c = len(data.classes)
        counts["whole pool"] = np.bincount(data.train.y, minlength=c)
    counts = {name: np.pad(each, (0, c - len(each))) for name, each in counts.items()}
    told = (
        "Share of each class, in percent, among the rows queried after cycle 0, all runs together. "
        "Imbalance is the largest share divided by the smallest, 1 is balanced; there is none "
        "where a class was never queried."
    )
    names = data.classes if "whole pool" in counts and data is not None else map(str, range(c))
    return Section(title, [Text(told), _imbalance(counts), _shares(counts, tuple(names))])


def _imbalance(counts: Mapping[str, Counts]) -> DataTable:
    """Rows and imbalance of each strategy; without one where a class was never queried."""
    columns = (
        Column("strategy", "strategy"),
        Column("rows", "rows"),
        Column("imbalance", "imbalance", 2),
    )
    rows = tuple(
        (name, int(each.sum()), float(each.max() / each.min()) if each.min() else None)
        for name, each in counts.items()
    )
    return DataTable("imbalance", "Balance of classes", columns, rows)


def _shares(counts: Mapping[str, Counts], classes: tuple[str, ...]) -> Figure:
    shares = [each / each.sum() for each in counts.values()]
    return _by_class(
        DataTable("queried_classes", "Classes of what was queried, %", (), ()),
        list(counts), shares, classes, most=float(np.max(shares)),
    )  # fmt: skip


def _queried_classes(evidence: Evidence, at: int) -> Counts:
    """How many rows of each class a strategy queried after cycle 0."""
    labels: list[int] = []
    for run in evidence.runs():
        if run.place != at:
            continue
        cycle = 0
        for event in events_of(run.record) or ():
            if isinstance(event, Queried):
                cycle = event.cycle
            elif isinstance(event, Answered) and cycle:
                labels += event.values
    return np.bincount(labels) if labels else np.zeros(0, dtype=np.int64)


def _by_class(
    empty: DataTable,
    rows: Sequence[str],
    values: Sequence[FloatArray],
    classes: Sequence[str],
    *,
    most: float,
) -> Figure:
    """Shares by strategy and class, as a heat map and as the table behind it in percent."""
    chart = draw_heat(classes, rows, np.transpose(values).tolist(), title=empty.title, most=most)
    columns = (Column("strategy", "strategy"), *(Column(each, each, 1) for each in classes))
    cells = tuple(
        (row, *(none_if_nan(100 * value) for value in its.tolist()))
        for row, its in zip(rows, values, strict=True)
    )
    return Figure(empty.title, chart, replace(empty, columns=columns, rows=cells))
