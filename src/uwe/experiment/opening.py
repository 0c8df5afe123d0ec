"""Opening a run: its record, its journal, and what its work depends on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from uwe import journal
from uwe._files import remove_unfinished
from uwe._types import Progress, Rows
from uwe.experiment.prepare import Prepared
from uwe.experiment.settings import Experiment, model_spec, recipe
from uwe.experiment.steps import restore_tables
from uwe.experiment.work import Work
from uwe.journal import Event
from uwe.learners import TorchLearner, fitted_batch
from uwe.oracle import simulated
from uwe.runs import RunFiles
from uwe.runs.record import OTHER_FOLDER, OTHER_TAG, open_record, require_same_settings
from uwe.strategies import find_strategy

__all__ = ["as_json", "open_journal", "open_work"]

log = logging.getLogger("uwe")


def open_work(
    prepared: Prepared,
    files: RunFiles,
    name: str,
    settings: dict[str, Any],
    progress: Progress | None,
    *,
    initial: Rows | None = None,
    base: RunFiles | None = None,
) -> Work:
    """A run's work, with what its record fixes taken from there."""
    experiment, dataset = prepared.experiment, prepared.dataset
    wanted = {
        "threads": experiment.threads or torch.get_num_threads(),
        "inference_batch": fitted_batch(
            dataset.image_shape, prepared.model.image_bytes, prepared.device, prepared.precision
        ),
    }
    remedy = OTHER_FOLDER if base is None else OTHER_TAG
    require_same_settings(files.record, files.journal, settings, remedy=remedy)
    record = open_record(
        files.record, settings, experiment=as_json(experiment), fixed=wanted, remedy=remedy
    )
    threads = int(record["fixed"]["threads"])
    if experiment.threads not in (None, threads):
        log.warning("%s stays at %d threads, with which it was made", name, threads)
    learner = TorchLearner(
        model_spec(experiment, dataset),
        recipe(experiment, dataset),
        dataset.preparation,
        prepared.device,
        int(record["fixed"]["inference_batch"]),
        prepared.precision,
        experiment.compiled,
    )
    strategy = None
    if base is not None:
        strategy = find_strategy(experiment.strategy, **prepared.options)
    return Work(
        name=name,
        dataset=dataset,
        learner=learner,
        oracle=simulated(dataset.train.y),
        files=files,
        seed=experiment.seed,
        budgets=experiment.labels,
        initial=np.zeros(0, dtype=np.int64) if initial is None else initial,
        strategy=strategy,
        base=base,
        keep_all=experiment.keep_predictions == "all",
        full_train=experiment.full_train,
        start=experiment.start,
        threads=threads,
        progress=progress,
    )


def open_journal(work: Work, first: Sequence[Event]) -> list[Event]:
    """The events of the run's journal; a new one begins with ``first``."""
    path = work.files.journal
    remove_unfinished(work.files.folder, work.files.stem)
    if path.exists():
        journal.mend(path)
        events = journal.read(path)
        log.info("%s: goes on after %d events", work.name, len(events))
    else:
        journal.create(path, first)
        events = list(first)
        for note in work.dataset.notes if work.base is None else ():
            log.info("%s", note, extra={"screen": True})
        log.info(
            "%s: %d pool rows, %d test rows, %s, device %s, precision %s, %d threads, "
            "batches of %d in training and %d in passes",
            work.name, len(work.dataset.train), len(work.dataset.test),
            work.learner.spec.name, work.learner.device, work.learner.precision, work.threads,
            work.learner.training.batch, work.learner.inference_batch,
        )  # fmt: skip
    restore_tables(work, events)
    return events


def as_json(experiment: Experiment) -> dict[str, Any]:
    """The experiment as it stands in records."""
    return {
        key: str(value) if isinstance(value, Path) else value
        for key, value in asdict(experiment).items()
    }
