"""Curves over runs: which runs belong together, their mean and their deviation."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.errors import DataError, InputError
from uwe.runs.tables import read_cycles

__all__ = ["Curve", "Study", "find_bounds", "find_curves"]

Settings: TypeAlias = tuple[tuple[str, str], ...]

_NAME = re.compile(
    r"(?P<dataset>.+)_al_mod(?P<model>[^_]+)_s(?P<seed>\d+)_ne(?P<epochs>\d+)"
    r"_bid(?P<budget>[^_]+)_m(?P<method>.+)_al_cycle_result\.csv"
)
_BOUND_NAME = re.compile(
    r"(?P<dataset>.+)_supervised_mod(?P<model>[^_]+)_s(?P<seed>\d+)_ne(?P<epochs>\d+)"
    r"_result\.csv"
)
_OF_RUNS = ("seed", "strategy", "budgets", "rows of cycle 0")
_OF_CYCLES = {"start"}  # settings that only a training after another has
_OPTION = "option "
_SIZES, _FINGERPRINT = ("pool size", "test size"), "data fingerprint"


@dataclass(frozen=True, order=True)
class Study:
    """What runs must have in common to be compared.

    Attributes:
        dataset: its name.
        model: its name.
        epochs: of every training.
        budgets: their name.
        settings: everything else that can change an accuracy, from the runs' records; empty for
            a table without a record.
    """

    dataset: str
    model: str
    epochs: str
    budgets: str
    settings: Settings = ()

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What file names tell of it."""
        return (self.dataset, self.model, self.epochs, self.budgets)

    def details(self, others: Sequence[Study]) -> str:
        """The settings in which studies of the same name differ from this one.

        Of data whose sizes differ the fingerprint tells nothing more.
        """
        same = [dict(other.settings) for other in others if other.name == self.name]
        mine = dict(self.settings)
        keys = sorted({key for other in same for key in other})
        told = [key for key in keys if any(other.get(key) != mine.get(key) for other in same)]
        sized = [other for other in same if all(other.get(key) == mine.get(key) for key in _SIZES)]
        if _FINGERPRINT in told and len({other.get(_FINGERPRINT) for other in sized}) == 1:
            told.remove(_FINGERPRINT)
        return ", ".join(f"{key} {mine.get(key, 'unknown')}" for key in told)

    def bounds(self, curve: Curve) -> bool:
        """Whether ``curve`` is an upper bound of this study.

        It has one training, so settings of what follows another (``start``) are none of its own.
        """
        other = curve.study
        mine = tuple(pair for pair in self.settings if pair[0] not in _OF_CYCLES)
        return self.name[:3] == other.name[:3] and mine == other.settings


@dataclass(frozen=True)
class Curve:
    """Accuracy against labels of one method over several seeds.

    Attributes:
        study: only curves of one study are compared.
        method: with its tags, and the options in which it differs from others of that name.
        strategy: without them.
        seeds: one for each run.
        labels: int64 ``[b]``, rows labelled at each budget.
        accuracies: float64 ``[runs, b]`` in percent; NaN where a run has not got there.
        paths: of the runs' tables.
    """

    study: Study
    method: str
    strategy: str
    seeds: tuple[int, ...]
    labels: npt.NDArray[np.int64]
    accuracies: FloatArray
    paths: tuple[Path, ...] = ()

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


@dataclass(frozen=True)
class _Run:
    """The table of one run, and what is known of how it was made."""

    study: Study
    method: str
    strategy: str
    options: Settings
    seed: int
    path: Path


def find_curves(folder: Path, *, only: Set[Path] | None = None) -> list[Curve]:
    """All curves in a results folder; only runs that differ in nothing but the seed are pooled.

    Args:
        folder: the results folder.
        only: leave out the curves that none of these files belongs to.

    Raises:
        InputError: the folder is not there, or holds no results.
        DataError: a table is broken.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    runs = _runs(folder, "*_al_cycle_result.csv", _NAME)
    if not runs:
        raise InputError(
            f"{folder} holds no results (files *_al_cycle_result.csv); 'uwe run' writes them"
        )
    return _curves(runs, only)


def find_bounds(folder: Path) -> list[Curve]:
    """The upper bounds in a results folder: curves of one budget, all labels."""
    return _curves(_runs(folder, "*_result.csv", _BOUND_NAME), None)


def _runs(folder: Path, pattern: str, name: re.Pattern[str]) -> list[_Run]:
    found = ((path, name.fullmatch(path.name)) for path in sorted(folder.rglob(pattern)))
    return [_run(path, match.groupdict()) for path, match in found if match]


def _run(path: Path, named: dict[str, str]) -> _Run:
    named = {"budget": "all", "method": "supervised", **named}
    settings = _settings(path)
    common = {key: value for key, value in settings.items() if key not in _OF_RUNS}
    options = {key: value for key, value in common.items() if key.startswith(_OPTION)}
    for key in options:
        del common[key]
    return _Run(
        Study(
            named["dataset"], named["model"], named["epochs"], named["budget"], _as_pairs(common)
        ),
        named["method"],
        str(settings.get("strategy", named["method"])),
        _as_pairs({key.removeprefix(_OPTION): value for key, value in options.items()}),
        int(named["seed"]),
        path,
    )


def _settings(table: Path) -> dict[str, object]:
    """The settings in the record beside a table; none where there is no record."""
    stem = table.name.removesuffix(".csv").removesuffix("_al_cycle_result").removesuffix("_result")
    for folder in (table.parent, table.parent.parent):
        try:
            record = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
            return dict(record["settings"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return {}


def _as_pairs(values: dict[str, object]) -> Settings:
    return tuple(
        (key, value if isinstance(value, str) else json.dumps(value, sort_keys=True))
        for key, value in sorted(values.items())
    )


def _curves(runs: Sequence[_Run], only: Set[Path] | None) -> list[Curve]:
    groups: dict[tuple[Study, str, Settings], list[_Run]] = {}
    for run in runs:
        groups.setdefault((run.study, run.method, run.options), []).append(run)
    return [
        _curve(groups[key], _told(key, list(groups)))
        for key in sorted(groups)
        if only is None or any(run.path in only for run in groups[key])
    ]


def _told(key: tuple[Study, str, Settings], keys: Sequence[tuple[Study, str, Settings]]) -> str:
    """The method's name, with the options in which another of that name differs."""
    study, method, options = key
    others = [dict(theirs) for there, name, theirs in keys if (there, name) == (study, method)]
    mine = dict(options)
    told = [name for name in mine if any(other.get(name) != mine[name] for other in others)]
    return f"{method} ({', '.join(mine[name] for name in told)})" if told else method


def _curve(runs: Sequence[_Run], method: str) -> Curve:
    _check_distinct(runs)
    runs = sorted(runs, key=lambda run: run.seed)
    read = [read_cycles(run.path) for run in runs]
    longest = max((labels for labels, _ in read), key=len)
    accuracies = np.full((len(read), len(longest)), np.nan)
    for at, (run, (labels, values)) in enumerate(zip(runs, read, strict=True)):
        if not np.array_equal(labels, longest[: len(labels)]):
            raise DataError(
                f"{run.path} has budgets {labels.tolist()}, but another seed of {method} has "
                f"{longest.tolist()}; they cannot be pooled"
            )
        accuracies[at, : len(values)] = 100 * values
    seeds = tuple(run.seed for run in runs)
    paths = tuple(run.path for run in runs)
    return Curve(runs[0].study, method, runs[0].strategy, seeds, longest, accuracies, paths)


def _check_distinct(runs: Sequence[_Run]) -> None:
    """One run must not count as two."""
    first: dict[int, Path] = {}
    for run in runs:
        if (earlier := first.setdefault(run.seed, run.path)) != run.path:
            raise InputError(
                f"two runs are of the same name and seed, {earlier} and {run.path}; "
                "name the results folder of one of them"
            )
