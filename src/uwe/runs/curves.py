"""Finding curves: which runs of a results folder belong together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from uwe.errors import DataError, InputError
from uwe.runs.intact import require_as_in_journal, say_lost_table
from uwe.runs.metric import DEFAULT_TASK, metric_of, task_of, task_told
from uwe.runs.names import Kind, RunName, tables_in
from uwe.runs.others import read_others
from uwe.runs.record import Record
from uwe.runs.store import find_runs
from uwe.runs.study import Curve, Settings, Study
from uwe.runs.tables import read_cycles

__all__ = ["bounds_of", "by_study", "find_bounds", "find_curves"]

_OF_RUNS = ("seed", "strategy", "budgets", "rows of cycle 0")
_OPTION, _TASK = "option ", "task"


@dataclass(frozen=True)
class _Run:
    """The table of one run, and what its record says of it."""

    study: Study
    method: str
    strategy: str
    options: Settings
    seed: int
    path: Path
    record: Record


def find_curves(folder: Path, *, only: Set[Path] | None = None) -> list[Curve]:
    """All curves in a results folder; only runs that differ in nothing but the seed are pooled.

    What a run is stands in its record. A table without a record is read as a CSV of another
    program (`read_others`), and its curve says so.

    Args:
        folder: the results folder.
        only: leave out the curves that none of these tables belongs to.

    Raises:
        InputError: the folder is missing or holds no results, or the name of a table without a
            record holds no seed.
        DataError: a table is broken.
        RunError: a record or a journal is damaged or of a format that this version does not read,
            or a table contradicts its journal.
    """
    if not folder.is_dir():
        told = f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}"
        raise InputError(f"{told}; name a results folder")
    runs = _runs(folder, "run")
    known = {run.path for run in runs}
    strays = [path for path in tables_in(folder) if path not in known]
    if not runs and not strays:
        raise InputError(
            f"{folder} holds no results (files *_al_cycle_result.csv); 'uwe run' writes them"
        )
    strays = [path for path in strays if only is None or path in only]
    others = read_others(strays) if strays else []
    return [*_curves(runs, only), *(replace(each, lacks_record=True) for each in others)]


def find_bounds(folder: Path) -> list[Curve]:
    """The upper bounds in a results folder: curves of one budget, all labels."""
    return _curves(_runs(folder, "supervised"), None)


def by_study(curves: Sequence[Curve]) -> list[list[Curve]]:
    """The curves of each study, in the order in which the studies come first."""
    found: dict[Study, list[Curve]] = {}
    for curve in curves:
        found.setdefault(curve.study, []).append(curve)
    return list(found.values())


def bounds_of(curves: Sequence[Curve], bounds: Sequence[Curve]) -> list[Curve]:
    """The upper bounds that belong to a study's curves."""
    return [bound for bound in bounds if curves[0].study.bounds(bound)]


def _runs(folder: Path, kind: Kind) -> list[_Run]:
    found = []
    for record in find_runs(folder):
        name = record.name
        if name is None or name.kind != kind:
            continue
        if record.files.table.is_file():
            found.append(_run(record, name))
        else:
            say_lost_table(record)
    return found


def _run(record: Record, name: RunName) -> _Run:
    whole = name.kind == "supervised"  # it has all labels at once, by no strategy
    common = {key: value for key, value in record.settings.items() if key not in _OF_RUNS}
    options = {key: value for key, value in common.items() if key.startswith(_OPTION)}
    for key in options:
        del common[key]
    if _TASK in common:
        common[_TASK] = task_told(task_of(record))
        if common[_TASK] == DEFAULT_TASK.name:  # records without the key are of this task, too
            del common[_TASK]
    method = "supervised" if whole else name.method_part
    return _Run(
        Study(
            name.dataset_part,
            name.model_part,
            _epochs(name, record),
            "all" if whole else name.budgets,
            _as_pairs(common),
        ),
        method,
        str(record.settings.get("strategy", method)),
        _as_pairs({key.removeprefix(_OPTION): value for key, value in options.items()}),
        name.seed,
        record.files.table,
        record,
    )


def _epochs(name: RunName, record: Record) -> str:
    """Epochs of every training; empty for a model that is no network."""
    is_network = "epochs" in record.settings or name.epochs > 1
    return str(name.epochs) if is_network else ""


def _as_pairs(values: Mapping[str, object]) -> Settings:
    return tuple(
        (key, value if isinstance(value, str) else json.dumps(value, sort_keys=True))
        for key, value in sorted(values.items())
    )


def _curves(runs: Sequence[_Run], only: Set[Path] | None) -> list[Curve]:
    groups: dict[tuple[Study, str, Settings], list[_Run]] = {}
    for run in runs:
        groups.setdefault((run.study, run.method, run.options), []).append(run)
    named: dict[tuple[Study, str], list[Settings]] = {}
    for study, method, options in groups:
        named.setdefault((study, method), []).append(options)
    return [
        _curve(groups[key], _told(key[1], key[2], named[key[:2]]))
        for key in sorted(groups)
        if only is None or any(run.path in only for run in groups[key])
    ]


def _told(method: str, options: Settings, of_name: Sequence[Settings]) -> str:
    """The method's name, with the options in which it differs from others ``of_name``."""
    others, mine = [dict(theirs) for theirs in of_name], dict(options)
    told = [name for name in mine if any(other.get(name) != mine[name] for other in others)]
    return f"{method} ({', '.join(mine[name] for name in told)})" if told else method


def _curve(runs: Sequence[_Run], method: str) -> Curve:
    _check_distinct(runs)
    runs = sorted(runs, key=lambda run: run.seed)
    metric = metric_of(runs[0].record)
    read = [read_cycles(run.path, metric) for run in runs]
    longest = max((labels for labels, _ in read), key=len)
    shown = np.full((len(read), len(longest)), np.nan)
    for at, (run, (labels, values)) in enumerate(zip(runs, read, strict=True)):
        require_as_in_journal(run.record, (labels, values))
        if not np.array_equal(labels, longest[: len(labels)]):
            raise DataError(
                f"{run.path} has budgets {labels.tolist()}, but another seed of {method} has "
                f"{longest.tolist()}; they cannot be pooled"
            )
        shown[at, : len(values)] = metric.scale * values
    seeds = tuple(run.seed for run in runs)
    paths = tuple(run.path for run in runs)
    records = tuple(run.record for run in runs)
    return Curve(
        runs[0].study, method, runs[0].strategy, seeds, longest, shown, paths, records,
        metric=metric,
    )  # fmt: skip


def _check_distinct(runs: Sequence[_Run]) -> None:
    """Refuse to count one run as two."""
    first: dict[int, Path] = {}
    for run in runs:
        if (earlier := first.setdefault(run.seed, run.path)) != run.path:
            raise InputError(
                f"two runs are of the same name and seed, {earlier} and {run.path}; "
                "name the results folder of one of them"
            )
