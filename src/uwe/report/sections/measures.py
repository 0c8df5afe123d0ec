"""Beside the headline metric: other measures, and which labels were queried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.data import Dataset
from uwe.report.answers import answers_in, queries_in
from uwe.report.artefacts import costs, events_of, last_row, test_logits, test_predicted
from uwe.report.comparison import Comparison
from uwe.report.document import Block, Cell, Column, DataTable, Figure, Section, Text
from uwe.report.evidence import Evidence
from uwe.report.sections.classes import by_class
from uwe.report.sections.parts import PARTS, parts_section
from uwe.report.sections.words import none_if_nan
from uwe.report.units import Unit
from uwe.statistics import Measures, class_f1, measure
from uwe.tasks import Metric

__all__ = ["measure_sections"]

Counts: TypeAlias = npt.NDArray[np.int64]

_NO_JOURNALS = "The runs' journals are not there."
_MEASURES = ("accuracy", "balanced_accuracy", "macro_f1", "calibration_error")


def measure_sections(comparison: Comparison, data: Dataset | None, why: str) -> list[Section]:
    """Measures at the last budget, also of each class, and the labels of what was queried.

    Args:
        comparison: the study.
        data: its data, for the labels of the test rows and the names of classes; None without.
        why: why there is no data.
    """
    evidence = comparison.evidence
    beside = _BESIDE.get(evidence.task.name, _from_tables)
    return [beside(comparison, data, why), _queried_section(evidence, data, why)]


def _from_logits(comparison: Comparison, data: Dataset | None, why: str) -> Section:
    """What the logits of a classifier say beside its accuracy."""
    evidence = comparison.evidence
    if data is None:
        told = f"Left out, as the labels of the test rows are not at hand: {why}."
        return Section("Beside accuracy", [Text(told)])
    found = {
        at: runs for at in range(len(evidence.curves)) if (runs := _measured(evidence, at, data))
    }
    if not found:
        told = "Left out: the runs' logits of the test rows are not there."
        return Section("Beside accuracy", [Text(told)])
    return _section(comparison, found, data)


def _from_tables(comparison: Comparison, data: Dataset | None, why: str) -> Section:
    """The metrics in the runs' tables; F1 of each class where classes may apply together."""
    evidence = comparison.evidence
    title = f"Beside {evidence.metric.label}"
    found = {at: each for at in comparison.order if (each := _last_values(evidence, at))}
    if not found:
        return Section(title, [Text("Left out: no run is whole.")])
    told = (
        f"At the last budget, {int(evidence.labels[-1]):,} labels, from the runs' tables; means "
        "over runs."
    )
    table = _metric_table(evidence, found)
    of_classes = [*_f1_by_class(comparison, data), *_metrics_of_classes(comparison, data, why)]
    return Section(title, [Text(told), table, *of_classes])


def _last_values(evidence: Evidence, at: int) -> list[dict[str, float]]:
    """Every metric that the table of each whole run of a strategy has in its last row, as shown."""
    metrics = evidence.task.metrics
    read = [
        costs(run, [metric.test_column for metric in metrics])
        for run in evidence.runs()
        if run.place == at
    ]
    headline = metrics[0].test_column
    whole = [each for each in read if len(each.get(headline, ())) == len(evidence.labels)]
    return [
        {
            metric.name: metric.scale * each[metric.test_column][-1]
            for metric in metrics
            if metric.test_column in each
        }
        for each in whole
    ]


def _metric_table(evidence: Evidence, found: Mapping[int, list[dict[str, float]]]) -> DataTable:
    metrics = [
        metric
        for metric in evidence.task.metrics
        if any(metric.name in run for runs in found.values() for run in runs)
    ]
    columns = (
        Column("strategy", "strategy"),
        *(_metric_column(metric, found) for metric in metrics),
        Column("n", "runs"),
    )
    rows = tuple(
        (evidence.methods[at], *(_mean_of(metric, runs) for metric in metrics), len(runs))
        for at, runs in found.items()
    )
    return DataTable("measures", f"Beside {evidence.metric.label}", columns, rows)


def _metric_column(metric: Metric, found: Mapping[int, list[dict[str, float]]]) -> Column:
    values = [run[metric.name] for runs in found.values() for run in runs if metric.name in run]
    unit = Unit.of(metric, np.array(values))
    return Column(metric.name, unit.titled(metric.label), unit.digits)


def _metrics_of_classes(comparison: Comparison, data: Dataset | None, why: str) -> list[Block]:
    """The metrics that the task has once for each class, at the last budget."""
    evidence = comparison.evidence
    if data is None:
        given = f"The metrics of each class are left out, as the names are not at hand: {why}."
        return [Text(given)] if evidence.task.widget in _WITH_CLASSES else []
    common = {metric.name for metric in evidence.task.metrics}
    metrics = [metric for metric in data.task.metrics if metric.name not in common]
    found = {at: _means_of(evidence, at, metrics) for at in comparison.order} if metrics else {}
    there = {evidence.methods[at]: its for at, its in found.items() if not np.isnan(its).all()}
    if not there:
        return []
    empty = DataTable("per_class_metrics", "By class, %", (), ())
    names = [metric.label for metric in metrics]
    return [by_class(empty, list(there), list(there.values()), names, most=1.0)]


_WITH_CLASSES = ("mask", "boxes")
"""Widgets of tasks with metrics that come with the names of classes."""


def _means_of(evidence: Evidence, at: int, metrics: Sequence[Metric]) -> FloatArray:
    """Means over the whole runs of a strategy; NaN where none has a number."""
    columns, rows = [metric.test_column for metric in metrics], len(evidence.labels)
    read = [last_row(run, columns, rows=rows) for run in evidence.runs() if run.place == at]
    values = [[each[name] for each in read if name in each] for name in columns]
    return np.array([np.mean(each) if each else np.nan for each in values])


def _mean_of(metric: Metric, runs: Sequence[Mapping[str, float]]) -> Cell:
    values = [run[metric.name] for run in runs if metric.name in run]
    return float(np.mean(values)) if values else None


def _f1_by_class(comparison: Comparison, data: Dataset | None) -> list[Block]:
    """F1 of each class, where a target is a row of flags and the outputs were kept."""
    evidence = comparison.evidence
    if data is None or np.ndim(data.test.y) != 2:
        return []
    last = len(evidence.labels) - 1
    f1: dict[str, FloatArray] = {}
    for at in comparison.order:
        said = [
            test_predicted(run.record, last, evidence.task)
            for run in evidence.runs()
            if run.place == at
        ]
        fitting = [e for e in said if e is not None and e.shape == data.test.y.shape]
        if fitting:
            f1[evidence.methods[at]] = np.mean([class_f1(e, data.test.y) for e in fitting], axis=0)
    if not f1:
        return []
    empty = DataTable("per_class_f1", "F1 of each class, %", (), ())
    return [by_class(empty, list(f1), list(f1.values()), data.classes, most=1.0)]


_BESIDE: Mapping[str, Callable[[Comparison, Dataset | None, str], Section]] = {
    "classification": _from_logits,
}
"""How the section is made, by the task; `_from_tables` for any other."""


def _measured(evidence: Evidence, at: int, data: Dataset) -> list[Measures]:
    """Measures of each whole run of a strategy at the last budget."""
    last = len(evidence.labels) - 1
    logits = [test_logits(run.record, last, "logits") for run in evidence.runs() if run.place == at]
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
    figure = by_class(
        DataTable("per_class_accuracy", "Accuracy of each class, %", (), ()),
        names, recall, data.classes, most=1.0,
    )  # fmt: skip
    return Section("Beside accuracy", [Text(told), table, figure])


def _means(measures: Sequence[Measures]) -> list[float]:
    """The mean of each measure over runs, in percent."""
    return [100 * float(np.mean([getattr(each, name) for each in measures])) for name in _MEASURES]


class _Queried(NamedTuple):
    """How many rows were answered after cycle 0, and how many of each class."""

    rows: int
    counts: Counts


def _queried_section(evidence: Evidence, data: Dataset | None, why: str) -> Section:
    """What was answered about the queried rows, cycle 0 left out."""
    found = {
        evidence.methods[at]: values
        for at in range(len(evidence.curves))
        if (values := _queried_labels(evidence, at))
    }
    if evidence.task.widget == "number":
        return _numbers_section(evidence, found)
    if evidence.task.widget in PARTS:
        return parts_section(PARTS[evidence.task.widget], found, data, why)
    return _classes_section({name: _counted(its) for name, its in found.items()}, data)


def _numbers_section(evidence: Evidence, found: Mapping[str, Sequence[float]]) -> Section:
    """Mean and deviation of the numbers that were answered."""
    title = "Numbers of what was queried"
    if not found:
        return Section(title, [Text(_NO_JOURNALS)])
    unit = Unit.of(evidence.metric, np.concatenate([np.array(each) for each in found.values()]))
    columns = (
        Column("strategy", "strategy"),
        Column("rows", "rows"),
        Column("mean", unit.titled("mean"), unit.digits),
        Column("deviation", "deviation", unit.digits),
    )
    rows = tuple(
        (
            name,
            len(its),
            float(np.mean(its)),
            float(np.std(its, ddof=1)) if len(its) > 1 else None,
        )
        for name, its in found.items()
    )
    told = "Answers about the rows queried after cycle 0, all runs together."
    return Section(title, [Text(told), DataTable("queried_numbers", title, columns, rows)])


def _classes_section(counts: Mapping[str, _Queried], data: Dataset | None) -> Section:
    """Shares of classes among the queried rows."""
    title = "Classes of what was queried"
    c = max((len(each.counts) for each in counts.values()), default=0)
    if not c:
        return Section(title, [Text(_NO_JOURNALS)])
    classes = tuple(map(str, range(c)))
    if data is not None and len(data.classes) >= c:
        classes = data.classes
    counts = {
        name: _Queried(each.rows, np.pad(each.counts, (0, len(classes) - len(each.counts))))
        for name, each in counts.items()
    }
    told = (
        "Share of each class, in percent, among the rows queried after cycle 0, all runs together. "
        "Imbalance is the largest share divided by the smallest, 1 is balanced; there is none "
        "where a class was never queried."
    )
    return Section(title, [Text(told), _imbalance(counts), _shares(counts, classes)])


def _imbalance(counts: Mapping[str, _Queried]) -> DataTable:
    """Rows and imbalance of each strategy; without one where a class was never queried."""
    columns = (
        Column("strategy", "strategy"),
        Column("rows", "rows"),
        Column("imbalance", "imbalance", 2),
    )
    rows = tuple(
        (name, rows, float(each.max() / each.min()) if each.min() else None)
        for name, (rows, each) in counts.items()
    )
    return DataTable("imbalance", "Balance of classes", columns, rows)


def _shares(counts: Mapping[str, _Queried], classes: tuple[str, ...]) -> Figure:
    shares = [each / rows for rows, each in counts.values()]
    return by_class(
        DataTable("queried_classes", "Classes of what was queried, %", (), ()),
        list(counts), shares, classes, most=float(np.max(shares)),
    )  # fmt: skip


def _queried_labels(evidence: Evidence, at: int) -> list[Any]:
    """The answers about the rows that a strategy queried after cycle 0."""
    labels: list[Any] = []
    for run in evidence.runs():
        if run.place != at:
            continue
        events = events_of(run.record) or ()
        answers = answers_in(events)
        for cycle, rows in queries_in(events).items():
            labels += [answers[row] for row in rows if cycle and row in answers]
    return labels


def _counted(labels: Sequence[Any]) -> _Queried:
    """How many of the rows each class applies to; a row may have several or none."""
    classes = [
        each for label in labels for each in (label if isinstance(label, list | tuple) else [label])
    ]
    return _Queried(len(labels), np.bincount(np.array(classes, dtype=np.int64)))
