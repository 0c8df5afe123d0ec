"""Curves over runs: which runs belong together, their mean and their deviation."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from uwe.errors import DataError, InputError, require_known
from uwe.results.cycles import COLUMNS

__all__ = ["Curve", "find_bounds", "find_curves", "read_acc_files", "read_cycles"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
Study: TypeAlias = tuple[str, str, str, str]

_NAME = re.compile(
    r"(?P<dataset>.+)_al_mod(?P<model>[^_]+)_s(?P<seed>\d+)_ne(?P<epochs>\d+)"
    r"_bid(?P<budget>[^_]+)_m(?P<method>.+)_al_cycle_result\.csv"
)
_BOUND_NAME = re.compile(
    r"(?P<dataset>.+)_supervised_mod(?P<model>[^_]+)_s(?P<seed>\d+)_ne(?P<epochs>\d+)"
    r"_result\.csv"
)
_NEEDED = COLUMNS[:2]


@dataclass(frozen=True)
class Curve:
    """Accuracy against labels of one method over several seeds.

    Attributes:
        study: (data set, model, epochs, budget): only curves of one study are compared.
        method: with its tags.
        seeds: one for each run.
        labels: int64 ``[b]``, rows labelled at each budget.
        accuracies: float64 ``[runs, b]`` in percent; NaN where a run has not got there.
    """

    study: Study
    method: str
    seeds: tuple[int, ...]
    labels: npt.NDArray[np.int64]
    accuracies: FloatArray

    @property
    def n(self) -> npt.NDArray[np.int64]:
        """How many runs got to each budget."""
        runs: npt.NDArray[np.int64] = np.isfinite(self.accuracies).sum(0)
        return runs

    @property
    def mean(self) -> FloatArray:
        """Mean over the runs that got there, in percent."""
        mean: FloatArray = np.nansum(self.accuracies, 0) / np.maximum(self.n, 1)
        return mean

    @property
    def std(self) -> FloatArray:
        """The sample's deviation over those runs; NaN for fewer than two."""
        squares = np.nansum((self.accuracies - self.mean) ** 2, 0)
        variance = np.where(self.n > 1, squares / np.maximum(self.n - 1, 1), np.nan)
        deviation: FloatArray = np.sqrt(variance)
        return deviation


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


def find_curves(folder: Path, *, only: Set[Path] | None = None) -> list[Curve]:
    """All curves in a results folder, grouped so that only equals are pooled.

    Args:
        folder: the results folder.
        only: leave out the groups that none of these files belongs to.

    Raises:
        InputError: the folder is not there, or holds no results.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    groups = _groups(folder, "*_al_cycle_result.csv", _NAME)
    if not groups:
        raise InputError(
            f"{folder} holds no results (files *_al_cycle_result.csv); 'uwe run' writes them"
        )
    return [
        _curve(study, method, sorted(runs))
        for (study, method), runs in sorted(groups.items())
        if only is None or any(path in only for _, path in runs)
    ]


def find_bounds(folder: Path) -> list[Curve]:
    """The upper bounds in a results folder: curves of one budget, all labels."""
    groups = _groups(folder, "*_result.csv", _BOUND_NAME)
    return [_curve(study, method, sorted(runs)) for (study, method), runs in sorted(groups.items())]


def _groups(
    folder: Path, pattern: str, name: re.Pattern[str]
) -> dict[tuple[Study, str], list[tuple[int, Path]]]:
    groups: dict[tuple[Study, str], list[tuple[int, Path]]] = {}
    for path in sorted(folder.rglob(pattern)):
        if match := name.fullmatch(path.name):
            found = {"budget": "all", "method": "supervised", **match.groupdict()}
            study = (found["dataset"], found["model"], found["epochs"], found["budget"])
            runs = groups.setdefault((study, found["method"]), [])
            _check_new(runs, int(found["seed"]), path)
            runs.append((int(found["seed"]), path))
    return groups


def _check_new(runs: Sequence[tuple[int, Path]], seed: int, path: Path) -> None:
    """One run must not count as two."""
    for other, earlier in runs:
        if other == seed:
            raise InputError(
                f"two runs are of the same name and seed, {earlier} and {path}; "
                "name the results folder of one of them"
            )


def _curve(study: Study, method: str, runs: list[tuple[int, Path]]) -> Curve:
    read = [(seed, path, *read_cycles(path)) for seed, path in runs]
    longest = max((labels for _, _, labels, _ in read), key=len)
    accuracies = np.full((len(read), len(longest)), np.nan)
    for at, (_, path, labels, values) in enumerate(read):
        if not np.array_equal(labels, longest[: len(labels)]):
            raise DataError(
                f"{path} has budgets {labels.tolist()}, but another seed of {method} has "
                f"{longest.tolist()}; they cannot be pooled"
            )
        accuracies[at, : len(values)] = 100 * values
    return Curve(study, method, tuple(seed for seed, _ in runs), longest, accuracies)


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
