"""Runs of other programs: CSV files with our first two columns, which their names identify."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from uwe.errors import InputError
from uwe.runs.metric import ACCURACY
from uwe.runs.study import Curve, Study
from uwe.runs.tables import cycles_in, metric_in, open_cycles
from uwe.tables import stem_of
from uwe.tasks import Metric

__all__ = ["read_others"]

_SEED = re.compile(r"(?:^|(?<=[^a-zA-Z0-9]))s(?:eed)?[-_]?(\d+)(?![0-9a-zA-Z])", re.IGNORECASE)
_SAYS_NOTHING = {"", "result", "results", "run", "accuracy", "micro_f1", "rmse", "al_cycle_result"}
_LONGEST_LIST = 6

OtherRun: TypeAlias = tuple[Path, int, npt.NDArray[np.int64], npt.NDArray[np.float64]]


def read_others(paths: Sequence[Path]) -> list[Curve]:
    """Curves of any CSV files with the columns ``n_labeled`` and one of a headline metric.

    Such a column is ``te_accuracy`` or ``te_micro_f1`` (0..1), or ``te_rmse``. Runs of different
    metrics are different studies.

    A file's name must hold its seed, as in ``margin_s3.csv`` or ``margin/seed3.csv``; the rest of
    the name, or else the folder, is the strategy. Runs of different budgets are different studies;
    a run that stops early belongs to the study whose budgets begin with its own.

    Args:
        paths: of the files.

    Raises:
        InputError: a file is missing, its name holds no seed, or two have one name and seed.
        DataError: a column is missing or a value is no number; file and line are named.
    """
    tables: dict[tuple[str, str], list[OtherRun]] = {}  # by metric and method
    metrics: dict[str, Metric] = {}
    for path in paths:
        method, seed = _named(path)
        table = open_cycles(path)
        metric = metric_in(table)
        metrics.setdefault(metric.name, metric)
        its = tables.setdefault((metric.name, method), [])
        _check_new(its, path, seed)
        its.append((path, seed, *cycles_in(table, metric)))
    dataset = _common_folder(paths, {method for _, method in tables})
    return [
        curve
        for name, metric in metrics.items()
        for curve in _curves(
            (dataset, metric), {method: its for (of, method), its in tables.items() if of == name}
        )
    ]


def _curves(of: tuple[str, Metric], tables: Mapping[str, Sequence[OtherRun]]) -> list[Curve]:
    """The curves of one data set and metric."""
    whole = _whole_budgets([table[2] for each in tables.values() for table in each])
    return [
        _curve(of, budgets, method, its)
        for budgets in whole
        for method in sorted(tables)
        if (its := [each for each in tables[method] if _home(each[2], whole) is budgets])
    ]


def _named(path: Path) -> tuple[str, int]:
    """Strategy and seed from a file's name, or its folder's."""
    if not path.exists():
        raise InputError(f"there is no {path}; give results folders or CSV files that are there")
    stem = stem_of(path)
    found = _SEED.search(stem)
    if found is None:
        raise InputError(
            f"the name of {path} holds no seed, so it cannot be paired with other runs; call it "
            "STRATEGY_s1.csv or STRATEGY/seed1.csv"
        )
    left = (stem[: found.start()] + stem[found.end() :]).strip("_-. ")
    left = re.sub(r"[_\-. ]{2,}", "_", left)
    folder = path.absolute().parent.name
    return (folder if left.lower() in _SAYS_NOTHING else left), int(found[1])


def _check_new(tables: Sequence[OtherRun], path: Path, seed: int) -> None:
    for earlier in tables:
        if earlier[1] == seed:
            raise InputError(
                f"two runs are of the same strategy and seed, {earlier[0]} and {path}; "
                "leave one of them out"
            )


def _common_folder(paths: Sequence[Path], methods: set[str]) -> str:
    """The name of the folder that all files lie below, other than a strategy's own."""
    folder = Path(os.path.commonpath([path.absolute().parent for path in paths]))
    return folder.parent.name if {folder.name} == methods else folder.name


def _whole_budgets(budgets: Sequence[npt.NDArray[np.int64]]) -> list[tuple[int, ...]]:
    """The lists of budgets that are not the beginning of a longer one."""
    lists = sorted({tuple(each.tolist()) for each in budgets})
    return [
        each
        for each in lists
        if not any(len(each) < len(other) and other[: len(each)] == each for other in lists)
    ]


def _home(labels: npt.NDArray[np.int64], whole: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    mine = tuple(labels.tolist())
    return next(each for each in whole if each[: len(mine)] == mine)


def _curve(
    of: tuple[str, Metric], budgets: tuple[int, ...], method: str, tables: Sequence[OtherRun]
) -> Curve:
    dataset, metric = of
    settings = () if metric.name == ACCURACY.name else (("metric", metric.label),)
    tables = sorted(tables, key=lambda table: table[1])
    shown = np.full((len(tables), len(budgets)), np.nan)
    for at, (_, _, _, values) in enumerate(tables):
        shown[at, : len(values)] = metric.scale * values
    named = list(map(str, budgets))
    if len(named) > _LONGEST_LIST:
        named = [named[0], "...", named[-1]]
    return Curve(
        Study(dataset, "", "", "-".join(named), settings),
        method,
        method.lower(),
        tuple(table[1] for table in tables),
        np.array(budgets, dtype=np.int64),
        shown,
        tuple(table[0] for table in tables),
        metric=metric,
    )
