"""One study as arrays: strategies, seeds and budgets; and notes on its runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.report.units import Unit
from uwe.runs import Curve, Record, Study, bounds_of, by_study, details_of, task_of
from uwe.statistics import area
from uwe.tasks import Metric, Task, known_tasks

__all__ = ["BASELINE", "Evidence", "EvidentRun", "gather", "study_title"]


BASELINE = "random"


class EvidentRun(NamedTuple):
    """One run of a study.

    Attributes:
        place: of its strategy.
        seed: of the run.
        table: its results.
        record: None for a run of another program.
    """

    place: int
    seed: int
    table: Path
    record: Record | None


@dataclass(frozen=True)
class Evidence:
    """Runs that may be compared.

    Attributes:
        study: what they have in common.
        title: the same for people.
        curves: one for each strategy, in the order of the arrays.
        labels: budgets, int64 ``[b]``.
        seeds: of any run, rising, ``[n]``.
        values: float64 ``[m, n, b]`` of the metric, a share in percent; NaN where there is no run
            or it stopped.
        areas: float64 ``[m, n]``; NaN where a run is not whole.
        scale: of the budgets in ``areas``.
        bounds: upper bounds.
        notes: facts about the runs that a reader needs.
        task: what was learnt, without the names of its classes.
        unit: how values and areas are written.
    """

    study: Study
    title: str
    curves: tuple[Curve, ...]
    labels: npt.NDArray[np.int64]
    seeds: tuple[int, ...]
    values: FloatArray
    areas: FloatArray
    scale: str
    bounds: tuple[Curve, ...]
    notes: tuple[str, ...]
    task: Task
    unit: Unit

    @property
    def metric(self) -> Metric:
        """What was measured."""
        return self.curves[0].metric

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the strategies."""
        return tuple(curve.method for curve in self.curves)

    @property
    def baseline(self) -> int | None:
        """The place of the strategy ``random``, if there is one."""
        places = [at for at, curve in enumerate(self.curves) if curve.strategy == BASELINE]
        return places[0] if places else None

    def runs(self) -> Iterator[EvidentRun]:
        """Every run, strategy by strategy."""
        for at, curve in enumerate(self.curves):
            records = curve.records or (None,) * len(curve.paths)
            for seed, path, record in zip(curve.seeds, curve.paths, records, strict=False):
                yield EvidentRun(at, seed, path, record)


def gather(
    curves: Sequence[Curve], bounds: Sequence[Curve] = (), *, scale: str = "log"
) -> list[Evidence]:
    """Studies from curves: only what shares data set, model, epochs, budgets and settings.

    Args:
        curves: of any number of studies.
        bounds: upper bounds of any of them.
        scale: of the budgets in the areas, ``log`` or ``linear``.

    Raises:
        InputError: the scale is unknown.
    """
    studies = by_study(curves)
    details = details_of(its[0].study for its in studies)
    titled = [study_title(its[0].study, details[its[0].study]) for its in studies]
    return [
        _evidence(its, bounds_of(its, bounds), title, scale)
        for its, title in zip(studies, titled, strict=True)
    ]


def study_title(study: Study, details: str) -> str:
    """A study for people; ``details`` tell it from others of its name (`details_of`)."""
    parts = [
        study.dataset,
        study.model,
        f"{study.epochs} epochs" if study.epochs else "",
        f"budgets {study.budgets}",
        details,
    ]
    return ", ".join(part for part in parts if part)


def _evidence(curves: Sequence[Curve], bounds: Sequence[Curve], title: str, scale: str) -> Evidence:
    longest = max((curve.labels for curve in curves), key=len)
    seeds = tuple(sorted({seed for curve in curves for seed in curve.seeds}))
    values = np.full((len(curves), len(seeds), len(longest)), np.nan)
    for at, curve in enumerate(curves):
        rows = [seeds.index(seed) for seed in curve.seeds]
        values[at, rows, : len(curve.labels)] = curve.values
    areas = (
        area(longest, values, scale=scale)
        if len(longest) > 1
        else np.full(values.shape[:2], np.nan)
    )
    notes = [
        *_unrecorded(curves),
        *_stopped(curves, longest),
        *_missing(curves, seeds),
        *_alike(curves, values),
    ]
    return Evidence(
        curves[0].study,
        title,
        tuple(curves),
        longest,
        seeds,
        values,
        areas,
        scale,
        tuple(bounds),
        tuple(notes),
        _task(curves),
        Unit.of(curves[0].metric, values),
    )


def _task(curves: Sequence[Curve]) -> Task:
    """The task of the runs; of tables of other programs, the one of their metric."""
    record = next((record for curve in curves for record in curve.records), None)
    if record is not None:
        return task_of(record)
    return next(task for task in known_tasks() if task.headline.name == curves[0].metric.name)


def _unrecorded(curves: Sequence[Curve]) -> list[str]:
    """Tables in a results folder whose record is missing."""
    names = [curve.method for curve in curves if curve.lacks_record]
    if not names:
        return []
    return [
        f"no record was found of {', '.join(names)}: the tables were read like those of another "
        "program, so whether their runs have the same settings is unknown"
    ]


def _stopped(curves: Sequence[Curve], labels: npt.NDArray[np.int64]) -> list[str]:
    """Runs that stop early count to where they stop."""
    found = []
    for curve in curves:
        reached = np.isfinite(curve.values).sum(1)
        for seed, many in zip(curve.seeds, reached.tolist(), strict=True):
            if many < len(labels):
                found.append(
                    f"{curve.method}, seed {seed}, stops at {labels[many - 1]:,} of "
                    f"{labels[-1]:,} labels: it counts to there, and has no area"
                )
    return found


def _missing(curves: Sequence[Curve], seeds: Sequence[int]) -> list[str]:
    """Strategies that lack seeds which others have; those that lack the same ones together."""
    lacking: dict[tuple[int, ...], list[str]] = {}
    for curve in curves:
        absent = tuple(seed for seed in seeds if seed not in curve.seeds)
        lacking.setdefault(absent, []).append(curve.method)
    return [
        f"no seed {', '.join(map(str, absent))} of {', '.join(methods)}: two strategies are "
        "compared on the seeds that both have"
        for absent, methods in lacking.items()
        if absent
    ]


def _alike(curves: Sequence[Curve], values: FloatArray) -> list[str]:
    return [
        f"{curves[first].method} and {curves[second].method} have the same "
        f"{curves[first].metric.label} in every run and at every budget: are they one and the same?"
        for first, second in combinations(range(len(curves)), 2)
        if np.array_equal(values[first], values[second], equal_nan=True)
        and np.isfinite(values[first]).any()
    ]
