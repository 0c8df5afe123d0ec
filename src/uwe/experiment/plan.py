"""What is still to be done, and what it costs, before anything is started."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uwe import journal
from uwe.data import Dataset
from uwe.errors import RunError
from uwe.experiment.prepare import Prepared, cycle0_files_of, files_of, supervised_files_of
from uwe.journal import Event, Trained
from uwe.strategies import find_strategy

__all__ = ["Plan", "make_plan", "require_disk_space", "supervised_plan"]

_BYTES = 4
_MEBIBYTE = 2**20


@dataclass(frozen=True)
class Plan:
    """What is missing of one run.

    Attributes:
        name: of the run.
        results: the folder it writes to.
        cycles: how many queries are left.
        trainings: how many trainings are left.
        inference_rows: rows that go through a network outside training.
        disk_bytes: what the run will write, at most.
    """

    name: str
    results: Path
    cycles: int
    trainings: int
    inference_rows: int
    disk_bytes: int


def make_plan(prepared: Sequence[Prepared]) -> list[Plan]:
    """What is missing of each run; the cycle-0 run of a seed stands before its first strategy."""
    plans: list[Plan] = []
    seen: set[Path] = set()
    for each in prepared:
        files = cycle0_files_of(each)
        if files.journal not in seen:
            seen.add(files.journal)
            name = f"cycle 0, seed {each.experiment.seed}"
            plans.append(_first_model_plan(name, files.journal, each))
        plans.append(_run_plan(each))
    return plans


def supervised_plan(prepared: Sequence[Prepared]) -> list[Plan]:
    """What is missing of the upper bounds, one for each seed."""
    by_file = {supervised_files_of(each).journal: each for each in prepared}
    return [
        _first_model_plan(f"supervised, seed {each.experiment.seed}", path, each)
        for path, each in by_file.items()
    ]


def require_disk_space(plans: Sequence[Plan]) -> None:
    """Refuse what will not fit.

    Raises:
        RunError: less is free than the plans will write.
    """
    for folder in {plan.results for plan in plans}:
        needed = sum(plan.disk_bytes for plan in plans if plan.results == folder)
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        free = shutil.disk_usage(there).free
        if needed > free:
            raise RunError(
                f"the runs will write {needed / _MEBIBYTE:,.0f} MiB, but {there} has "
                f"{free / _MEBIBYTE:,.0f} MiB free; choose another --results folder or fewer runs"
            )


def _first_model_plan(name: str, path: Path, prepared: Prepared) -> Plan:
    data = prepared.dataset
    missing = 0 if _trained(journal.read(path)) else 1
    return Plan(
        name,
        prepared.experiment.results,
        cycles=0,
        trainings=missing,
        inference_rows=missing * (len(data.train) + len(data.test)),
        disk_bytes=missing * (_training_bytes(prepared) + _pass_bytes(data) + _features(prepared)),
    )


def _run_plan(prepared: Prepared) -> Plan:
    experiment, data = prepared.experiment, prepared.dataset
    wanted = len(experiment.labels) - 1
    if experiment.cycles is not None:
        wanted = min(wanted, experiment.cycles)
    done = max(_trained(journal.read(files_of(prepared).journal)) - 1, 0)
    left = max(wanted - done, 0)
    shared = int(done == 0 and left > 0 and not _mc_passes(prepared))
    kept = left if experiment.keep_predictions == "all" else min(left, 2)
    return Plan(
        prepared.name,
        experiment.results,
        cycles=left,
        trainings=left,
        inference_rows=(left - shared) * len(data.train) + left * len(data.test),
        disk_bytes=left * (_training_bytes(prepared) + _pass_bytes(data))
        + kept * _features(prepared),
    )


def _trained(events: Sequence[Event]) -> int:
    return sum(isinstance(event, Trained) for event in events)


def _mc_passes(prepared: Prepared) -> int:
    return find_strategy(prepared.experiment.strategy, **prepared.options).mc_passes


def _training_bytes(prepared: Prepared) -> int:
    """The model, and its logits on the test rows."""
    data = prepared.dataset
    return prepared.model.bytes + _BYTES * len(data.test) * len(data.classes)


def _pass_bytes(data: Dataset) -> int:
    """Logits and uncertainties of the pool."""
    return len(data.train) * (_BYTES * len(data.classes) + 2 * _BYTES)


def _features(prepared: Prepared) -> int:
    return _BYTES * len(prepared.dataset.train) * prepared.model.features
