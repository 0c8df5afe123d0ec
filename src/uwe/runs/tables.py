"""The tables of runs, read back: one, or the mean and deviation over several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.errors import DataError, InputError, require_known
from uwe.runs.metric import ACCURACY
from uwe.tables import Table, open_table
from uwe.tables.cells import number_of
from uwe.tables.table import shown
from uwe.tasks import Metric, find_task, metric_of_column, task_names

__all__ = [
    "cycles_in",
    "metric_in",
    "open_cycles",
    "read_acc_files",
    "read_cycles",
    "table_metric",
]

_LABELS = "n_labeled"
_PERCENT = 100
_MOST_LABELS = 1 << 53  # the largest whole number of which each one below is a float
_LARGEST = 1e100  # a value whose square, and the sum of many, is a float

CycleRows: TypeAlias = tuple[npt.NDArray[np.int64], FloatArray]


def read_cycles(path: Path, metric: Metric | None = None) -> CycleRows:
    """Labels and values of the headline metric, as stored, of one run's CSV.

    Args:
        path: of the CSV.
        metric: of the run; None: the one whose column the CSV has (`table_metric`).

    Raises:
        InputError: the file is not there.
        DataError: a column is missing, a value is no number or impossible, the labels do not rise,
            or there is no row; file and line are named.
    """
    table = open_cycles(path)
    return cycles_in(table, metric or metric_in(table))


def table_metric(path: Path) -> Metric:
    """The headline metric whose column a CSV has.

    Raises:
        InputError: the file is not there.
        DataError: it has the column of no headline metric, or cannot be read.
    """
    return metric_in(open_cycles(path))


def open_cycles(path: Path) -> Table:
    """The table of a run, of this program or another.

    Raises:
        InputError: the file is not there.
        DataError: it cannot be read.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return open_table(path)


def cycles_in(table: Table, metric: Metric) -> CycleRows:
    """Labels and values of a metric, as stored, in the table of a run.

    Raises:
        DataError: as in `read_cycles`.
    """
    _require(table, (_LABELS, metric.test_column))
    cells = zip(table.values(_LABELS), table.values(metric.test_column), strict=True)
    rows = [_numbers(table, row, *of, metric) for row, of in enumerate(cells)]
    labels = np.array([row[0] for row in rows], dtype=np.int64)
    if not len(labels) or np.any(np.diff(labels) <= 0):
        raise DataError(f"{table.name} must have rows of rising {_LABELS}, not {labels.tolist()}")
    return labels, np.array([row[1] for row in rows], dtype=np.float64)


def metric_in(table: Table) -> Metric:
    """The headline metric whose column the table of a run has.

    Raises:
        DataError: it has the column of none.
    """
    metric = metric_of_column(table.columns)
    if metric is None:
        _require(table, (_LABELS,))
        first, *others = (find_task(name).headline.test_column for name in task_names())
        raise DataError(
            f"{table.name} lacks the column {first!r} (or {' or '.join(map(repr, others))}); "
            f"it has {shown(table.columns)}"
        )
    return metric


def read_acc_files(
    al_result_files: Mapping[str, Mapping[str, Mapping[str, Sequence[str | Path]]]],
    dataset: str,
    budget_id: str,
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Mean and deviation of accuracy over runs, for each method and cycle.

    Args:
        al_result_files: ``{dataset: {budget: {method: [csv paths]}}}``.
        dataset: a key of it.
        budget_id: a key below it.

    Returns:
        Two dictionaries from method to float64 ``[cycles]``, in percent: the mean, and the
        sample's deviation (divided by n - 1; NaN for one run).

    Raises:
        InputError: a key or a file is not there, or the runs of a method differ in their budgets.
        DataError: a file is no CSV of cycles.

    >>> read_acc_files({"digits": {"20-40": {}}}, "digits", "20-40")
    ({}, {})
    """
    require_known(dataset, al_result_files, "data set")
    require_known(budget_id, al_result_files[dataset], "budget")
    means, deviations = {}, {}
    for method, paths in al_result_files[dataset][budget_id].items():
        accuracies = 100 * _equal_runs(method, [Path(path) for path in paths])
        means[method] = accuracies.mean(0)
        deviations[method] = (
            accuracies.std(0, ddof=1)
            if len(accuracies) > 1
            else np.full(accuracies.shape[1], np.nan)
        )
    return means, deviations


def _equal_runs(method: str, paths: Sequence[Path]) -> FloatArray:
    if not paths:
        raise InputError(f"method {method!r} has no files")
    first, _ = read_cycles(paths[0], ACCURACY)
    runs = []
    for path in paths:
        labels, values = read_cycles(path, ACCURACY)
        if not np.array_equal(labels, first):
            raise InputError(
                f"{path} has budgets {labels.tolist()}, but {paths[0]} has {first.tolist()}; "
                f"runs of {method!r} must have the same"
            )
        runs.append(values)
    return np.stack(runs)


def _require(table: Table, needed: Sequence[str]) -> None:
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise DataError(
            f"{table.name} lacks the column {missing[0]!r}; it has {shown(table.columns)}"
        )


def _numbers(table: Table, row: int, labels: str, value: str, metric: Metric) -> tuple[int, float]:
    try:
        count, number = number_of(labels), number_of(value)
    except ValueError:
        count, number = 0.0, np.nan
    least, most = metric.bounds
    where = f"{table.where(row)} of {table.name}"
    if (least, most) == (0, 1) and 1 < number <= _PERCENT:
        raise DataError(
            f"{where} is not a row of results: {metric.test_column} is {value!r}, and a share from "
            "0 to 1 is wanted; divide percents by 100"
        )
    if _LARGEST < abs(number) <= most:
        raise DataError(
            f"{where} is too large to be averaged: {metric.test_column} is {value!r}, and "
            f"{_LARGEST:g} is the most"
        )
    is_whole = 1 <= count < _MOST_LABELS and count.is_integer()
    if not (is_whole and np.isfinite(number) and least <= number <= most):
        raise DataError(
            f"{where} is not a row of results: "
            f"{_LABELS} is {labels!r} and {metric.test_column} is {value!r}"
        )
    return int(count), number
