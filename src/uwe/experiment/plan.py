"""The remaining work of runs and its cost, before a run starts."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uwe import journal
from uwe._files import nearest_existing
from uwe.errors import RunError
from uwe.experiment.prepared import Prepared
from uwe.experiment.settings import epochs_of
from uwe.journal import Event, Queried, Trained
from uwe.learners import Footprint, Measured
from uwe.runs import RunFiles, has_own_cycle0
from uwe.runs.record import OTHER_TAG, require_same_settings

__all__ = ["RunPlan", "make_plan", "require_disk_space", "supervised_plan"]

_BYTES = 4
_MEBIBYTE = 2**20
_DETECTIONS = 100  # of an image, at most
_WIDEST = 2**12  # sparse rows are reduced to fewer features than they have columns


@dataclass(frozen=True)
class RunPlan:
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


def make_plan(prepared: Sequence[Prepared]) -> list[RunPlan]:
    """What is missing of each run; the cycle-0 run of a seed stands before its first strategy.

    Raises:
        RunError: a run of that name has other settings, or its journal cannot be read.
    """
    plans: list[RunPlan] = []
    seen: set[Path] = set()
    for each in prepared:
        files = each.cycle0_files
        if files.journal not in seen and not has_own_cycle0(each.files):
            seen.add(files.journal)
            name = f"cycle 0, seed {each.experiment.seed}"
            rows = each.experiment.labels[0]
            plans.append(_first_model_plan(name, files, each, rows))
        plans.append(_run_plan(each))
    return plans


def supervised_plan(prepared: Sequence[Prepared]) -> list[RunPlan]:
    """What is missing of the upper bounds, one for each seed."""
    by_seed = {each.experiment.seed: each for each in prepared}
    return [
        _first_model_plan(
            f"supervised, seed {seed}", each.supervised_files, each, len(each.dataset.train)
        )
        for seed, each in by_seed.items()
    ]


def require_disk_space(plans: Sequence[RunPlan]) -> None:
    """Refuse what will not fit.

    Raises:
        RunError: less is free than the plans will write.
    """
    for folder in {plan.results for plan in plans}:
        needed = sum(plan.disk_bytes for plan in plans if plan.results == folder)
        there = nearest_existing(folder)
        free = shutil.disk_usage(there).free
        if needed > free:
            raise RunError(
                f"the runs will write {needed / _MEBIBYTE:,.0f} MiB, but {there} has "
                f"{free / _MEBIBYTE:,.0f} MiB free; choose another --results folder or fewer runs"
            )


def _first_model_plan(name: str, files: RunFiles, prepared: Prepared, rows: int) -> RunPlan:
    data = prepared.dataset
    settings = prepared.first_settings(rows)
    require_same_settings(files.record, files.journal, settings)
    missing = 0 if _count(journal.read(files.journal, run=files.stem), Trained) else 1
    return RunPlan(
        name,
        prepared.experiment.run.results,
        cycles=0,
        trainings=missing,
        inference_rows=missing * (len(data.train) + _test_rows(prepared)),
        disk_bytes=missing
        * (_training_bytes(prepared) + _pass_bytes(prepared) + _features(prepared)),
    )


def _run_plan(prepared: Prepared) -> RunPlan:
    experiment, data = prepared.experiment, prepared.dataset
    wanted = len(experiment.labels) - 1
    if experiment.run.cycles is not None:
        wanted = min(wanted, experiment.run.cycles)
    files = prepared.files
    settings = prepared.settings()
    require_same_settings(files.record, files.journal, settings, remedy=OTHER_TAG)
    events = journal.read(files.journal, run=files.stem)
    queries, trainings = (
        max(wanted + 1 - max(_count(events, kind), 1), 0) for kind in (Queried, Trained)
    )
    shared = int(queries == wanted > 0 and not _makes_first_pass(prepared))
    kept = queries if experiment.run.keep_predictions == "all" else min(queries, 2)
    return RunPlan(
        prepared.name,
        experiment.run.results,
        cycles=queries,
        trainings=trainings,
        inference_rows=(queries - shared) * len(data.train) + trainings * _test_rows(prepared),
        disk_bytes=trainings * _training_bytes(prepared)
        + queries * _pass_bytes(prepared)
        + kept * _features(prepared),
    )


def _makes_first_pass(prepared: Prepared) -> bool:
    """Whether the strategy needs more than the pass that was made with the cycle-0 model."""
    needs, outputs = prepared.strategy.needs, prepared.dataset.task.outputs
    costly = {name for name in needs.outputs if "g" in outputs.get(name, "").split()}
    return bool(needs.passes or costly)


def _count(events: Sequence[Event], kind: type[Event]) -> int:
    return sum(isinstance(event, kind) for event in events)


def _test_rows(prepared: Prepared) -> int:
    """Test rows that go through the network for one training."""
    experiment = prepared.experiment
    passes = 1 + (epochs_of(experiment) if experiment.network.full_train else 0)
    return passes * len(prepared.dataset.test)


def _training_bytes(prepared: Prepared) -> int:
    """The model, and its outputs on the test rows."""
    outputs = len(prepared.dataset.test) * _row_bytes(prepared)
    return _footprint(prepared).model_bytes + outputs


def _pass_bytes(prepared: Prepared) -> int:
    """Outputs and uncertainties of the pool."""
    return len(prepared.dataset.train) * (_row_bytes(prepared) + 2 * _BYTES)


def _row_bytes(prepared: Prepared) -> int:
    """The outputs of one row; those that are made only where they are asked for count there."""
    data, needed = prepared.dataset, prepared.strategy.needs.outputs
    width, features = data.task.width, _footprint(prepared).features
    sizes = {"c": width, "d": features, "g": width * features, "k": _DETECTIONS, "6": 6}
    if any("h" in axes.split() for axes in data.task.outputs.values()):
        sizes["h"], sizes["w"], _ = data.image_shape
    total = 0
    for name, axes in data.task.outputs.items():
        of = axes.split()[1:]
        if "g" not in of or name in needed:
            total += (1 if "h" in of else _BYTES) * math.prod(sizes.get(axis, 1) for axis in of)
    return total


def _features(prepared: Prepared) -> int:
    return _BYTES * len(prepared.dataset.train) * _footprint(prepared).features


def _footprint(prepared: Prepared) -> Footprint:
    """What the learner says of itself; the width of the rows where it does not."""
    if isinstance(prepared.learner, Measured):
        return prepared.learner.footprint
    shape = getattr(prepared.dataset.train.x, "shape", (0,))
    return Footprint(model_bytes=0, features=min(math.prod(shape[1:]), _WIDEST))
