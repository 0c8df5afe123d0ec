"""Opens a run: its record, its steps, and their inputs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from uwe._types import Progress, Rows
from uwe.experiment.kept import KeptPredictions
from uwe.experiment.models import Models
from uwe.experiment.open_run import OpenRun
from uwe.experiment.passes import Passes
from uwe.experiment.prepared import Prepared, oracle_of
from uwe.experiment.settings import as_json
from uwe.experiment.steps import Choose, Chooser, Draw, Fit, after_cycle_0
from uwe.learners import Measured
from uwe.runs import RunFiles, RunName, RunStore
from uwe.runs.record import FLOAT_BITS, OTHER_FOLDER, OTHER_TAG, Record, fixed_number
from uwe.strategies import Strategy

__all__ = ["Opening", "open_run"]

log = logging.getLogger("uwe")


@dataclass(frozen=True)
class Opening:
    """Which run of an experiment is opened.

    Attributes:
        name: name for people.
        run: name of its files.
        budgets: labelled rows after each cycle.
        settings: all that can change its results, for the record.
        strategy: chooses the rows of later cycles; None for a run of one cycle.
    """

    name: str
    run: RunName
    budgets: tuple[int, ...]
    settings: Mapping[str, Any]
    strategy: Strategy | None = None


def open_run(
    prepared: Prepared,
    opening: Opening,
    *,
    initial: Rows,
    base: RunFiles | None = None,
    progress: Progress | None = None,
) -> OpenRun:
    """Open a run for work; what its record fixes is taken from there.

    Args:
        prepared: the checked experiment.
        opening: which of its runs.
        initial: rows of cycle 0.
        base: files of the cycle-0 run that the run goes on from; None for a run with its own.
        progress: callback.

    Raises:
        RunError: a run of that name has other settings, or its record cannot be read.
    """
    experiment, dataset = prepared.experiment, prepared.dataset
    files = opening.run.files(experiment.run.results)
    store = RunStore(opening.run, files)
    threads = _threads_of(_recorded(prepared, opening, store, base), prepared)
    passes = Passes(
        opening.name, prepared.learner, dataset, files.record, experiment.seed, progress
    )
    models = Models(
        prepared.learner,
        dataset,
        files,
        base,
        experiment.seed,
        passes,
        full_train=experiment.network.full_train,
        warm=experiment.network.warm_start,
    )
    kept = KeptPredictions(
        files,
        opening.strategy,
        dataset.task,
        all_features=experiment.run.keep_predictions == "all",
    )
    first = KeptPredictions(files, None, dataset.task)
    oracle = oracle_of(prepared)
    choose: Chooser = Draw(initial)
    if opening.strategy is not None:
        later = Choose(opening.strategy, models, passes, kept, experiment.seed)
        choose = after_cycle_0(choose, later)
    return OpenRun(
        opening.name,
        store,
        dataset,
        kept,
        choose,
        Fit(models, passes, first, opening.budgets, oracle),
        prepared.learner,
        threads,
        oracle,
        initial if opening.strategy is None else None,
    )


def _recorded(
    prepared: Prepared, opening: Opening, store: RunStore, base: RunFiles | None
) -> Record:
    """The record of the run, made now or compared."""
    learner, experiment = prepared.learner, prepared.experiment
    return store.open_record(
        opening.settings,
        experiment=as_json(experiment),
        fixed={
            "threads": experiment.run.threads or torch.get_num_threads(),
            "inference_batch": learner.fitted_batch() if isinstance(learner, Measured) else 1,
            FLOAT_BITS: 64 if base is None else fixed_number(base.record, FLOAT_BITS),
        },
        measure=prepared.dataset.task.default_measure
        if opening.strategy is None
        else opening.strategy.measure_name,
        remedy=OTHER_FOLDER if opening.strategy is None else OTHER_TAG,
    )


def _threads_of(record: Record, prepared: Prepared) -> int:
    threads = int(record.fixed["threads"])
    if prepared.experiment.run.threads not in (None, threads):
        log.warning("%s keeps the %d threads it was made with", prepared.name, threads)
    return threads
