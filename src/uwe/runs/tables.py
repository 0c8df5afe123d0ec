"""The tables of runs, read back: one, or the mean and deviation over several."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.errors import DataError, InputError, require_known
from uwe.runs.cycles import COLUMNS

__all__ = ["read_acc_files", "read_cycles"]


_NEEDED = COLUMNS[:2]


def read_cycles(path: Path) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Labels and accuracies (0..1) of one run's CSV.

    Raises:
        InputError: the file is not there.
        DataError: a column is missing, a value is no number, the labels do not rise, or there is
            no row; file and line are named.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = _rows(path, csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    labels = np.array([row[0] for row in rows], dtype=np.int64)
    if not len(labels) or np.any(np.diff(labels) <= 0):
        raise DataError(f"{path} must have rows of rising {_NEEDED[0]}, not {labels.tolist()}")
    return labels, np.array([row[1] for row in rows], dtype=np.float64)


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
    first, _ = read_cycles(paths[0])
    runs = []
    for path in paths:
        labels, values = read_cycles(path)
        if not np.array_equal(labels, first):
            raise InputError(
                f"{path} has budgets {labels.tolist()}, but {paths[0]} has {first.tolist()}; "
                f"runs of {method!r} must have the same"
            )
        runs.append(values)
    return np.stack(runs)


def _rows(path: Path, reader: csv.DictReader[str]) -> list[tuple[int, float]]:
    columns = reader.fieldnames or ()
    missing = [column for column in _NEEDED if column not in columns]
    if missing:
        raise DataError(
            f"{path} lacks the column {missing[0]!r}; it has {', '.join(columns) or 'none'}"
        )
    return [_numbers(path, line, row) for line, row in enumerate(reader, start=2)]


def _numbers(path: Path, line: int, row: Mapping[str, str]) -> tuple[int, float]:
    labels, accuracy = (row[column] for column in _NEEDED)
    try:
        count, share = int(labels), float(accuracy)
    except (TypeError, ValueError):
        count, share = 0, np.nan
    if count < 1 or not 0 <= share <= 1:
        raise DataError(
            f"line {line} of {path} is not a row of results: "
            f"{_NEEDED[0]} is {labels!r} and {_NEEDED[1]} is {accuracy!r}"
        )
    return count, share
