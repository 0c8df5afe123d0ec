"""Active learning with a learner of one's own: any object with ``fit`` and ``predict``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from uwe import journal
from uwe._files import remove_unfinished
from uwe._random import derive_seed
from uwe._types import Progress
from uwe.data import Dataset
from uwe.errors import InputError
from uwe.experiment.prepare import require_names, strategy_with_options
from uwe.experiment.run_learner import OwnLearner, learner_name, require_learner
from uwe.experiment.runs import Result
from uwe.experiment.settings import Experiment, budget_id
from uwe.experiment.steps import finish, restore_tables
from uwe.experiment.work import Work
from uwe.journal import Event, Trained
from uwe.oracle import simulated
from uwe.runs import RunFiles, al_files, file_name
from uwe.runs.cycles import cycle_rows
from uwe.runs.record import OTHER_TAG, held, logged_to, open_record, require_same_settings
from uwe.selection import uniform

__all__ = ["loop"]

log = logging.getLogger("uwe")


def loop(
    learner: Any,
    dataset: Dataset,
    strategy: str,
    budgets: str | Sequence[int],
    *,
    options: Mapping[str, Any] | None = None,
    seed: int = 1,
    results: str | Path = "results",
    method_tag: str = "",
    progress: Progress | None = None,
) -> Result:
    """Active learning with your own training loop: query, label, train, until the last budget.

    The run is kept in ``results`` as those of ``uwe run`` are: the same files, the same tables, and
    the same call goes on where a killed process stopped. Your models are not written; after a
    restart the last one is trained again. Change what your learner does, and you have to name it
    anew: its code cannot be compared with what the record says, but its ``name`` and its
    ``settings``, a mapping, if it has one, are.

    Args:
        learner: ``fit(x, y, *, classes, seed) -> model`` and ``predict(model, x)``, which gives
            logits ``[n, c]`` and features ``[n, d]``, as a pair or as `Predictions`.
        dataset: `Dataset.from_rows` makes one of any rows, `Dataset.from_arrays` of images.
        strategy: a name of ``uwe list strategies``.
        budgets: labelled rows after each cycle.
        options: the strategy's own.
        seed: at least 1; everything random follows from it.
        results: the results folder.
        method_tag: is put behind the strategy in names.
        progress: is told how it goes.

    Returns:
        Labels and accuracies after each cycle, and where the table is.

    Raises:
        InputError: a setting does not fit, or the learner lacks a method; nothing has been written.
        RunError: the run is held by another process, or has other settings.

    >>> import tempfile
    >>> import numpy as np
    >>> class Nearest:
    ...     def fit(self, x, y, *, classes, seed):
    ...         return [torch.from_numpy(x[y == c].mean(0)) for c in range(classes)]
    ...     def predict(self, model, x):
    ...         rows = torch.from_numpy(x)
    ...         return torch.stack([-(rows - mean).square().sum(1) for mean in model], 1), rows
    >>> x, y = np.arange(20.0)[:, None], np.arange(20) // 10
    >>> data = Dataset.from_rows("line", (x, y), (x, y))
    >>> loop(Nearest(), data, "uwe", (6, 8), results=tempfile.mkdtemp()).labels.tolist()
    [6, 8]
    """
    experiment = Experiment(
        dataset.name,
        strategy=strategy,
        options=dict(options or {}),
        seed=seed,
        budgets=budgets if isinstance(budgets, str) else tuple(budgets),
        model=file_name(learner_name(learner)).replace("_", "-"),
        epochs=1,
        results=Path(results),
        method_tag=method_tag,
    )
    return _run(learner, dataset, experiment, progress)


def _run(
    learner: Any, dataset: Dataset, experiment: Experiment, progress: Progress | None
) -> Result:
    chosen, options = strategy_with_options(experiment)
    require_learner(learner, chosen.mc_passes)
    if experiment.labels[-1] > len(dataset.train):
        raise InputError(
            f"the budget {experiment.labels[-1]} exceeds the pool of {len(dataset.train)} rows; "
            "choose smaller budgets"
        )
    files = _files(experiment)
    require_names(files)
    settings = _settings(learner, dataset, experiment, options)
    name = f"{experiment.method}, seed {experiment.seed}"
    require_same_settings(files.record, files.journal, settings, remedy=OTHER_TAG)
    with held(files.lock, f"the run {name}"), logged_to(files.log):
        record = open_record(
            files.record,
            settings,
            experiment={**settings, "results": str(experiment.results)},
            fixed={"threads": torch.get_num_threads(), "inference_batch": 1},
            remedy=OTHER_TAG,
        )
        work = Work(
            name=name,
            dataset=dataset,
            learner=OwnLearner(learner, _refit(learner, dataset, experiment, files)),
            oracle=simulated(dataset.train.y),
            files=files,
            seed=experiment.seed,
            budgets=experiment.labels,
            initial=uniform(
                len(dataset.train),
                experiment.labels[0],
                seed=derive_seed(experiment.seed, 0, "initial rows"),
            ),
            strategy=chosen,
            base=None,
            keep_all=False,
            full_train=False,
            start="scratch",
            threads=int(record["fixed"]["threads"]),
            progress=progress,
        )
        events = _opened(work)
        first = replace(work, strategy=None, budgets=experiment.labels[:1])
        if not any(isinstance(event, Trained) for event in events):
            events = finish(first, events)
        events = finish(work, events)
    return Result(experiment, files.table, cycle_rows(events))


def _refit(learner: Any, dataset: Dataset, experiment: Experiment, files: RunFiles) -> Any:
    """How the model of so many labels is trained again, from the journal."""

    def refit(labels: int) -> Any:
        pool = journal.replay(journal.read(files.journal), len(dataset.train))
        cycle = experiment.labels.index(labels)
        rows = pool.labelled[pool.cycle[pool.labelled] <= cycle]
        return learner.fit(
            dataset.train.x[rows],
            pool.label[rows],
            classes=len(dataset.classes),
            seed=derive_seed(experiment.seed, cycle, "train"),
        )

    return refit


def _opened(work: Work) -> list[Event]:
    """The events of the run's journal, which is begun where there is none."""
    remove_unfinished(work.files.folder, work.files.stem)
    if not work.files.journal.exists():
        journal.create(work.files.journal, ())
        for note in work.dataset.notes:
            log.info("%s", note)
    journal.mend(work.files.journal)
    events = journal.read(work.files.journal)
    restore_tables(work, events)
    return events


def _files(experiment: Experiment) -> RunFiles:
    return al_files(
        experiment.results,
        experiment.dataset,
        model=experiment.model,
        seed=experiment.seed,
        epochs=experiment.epochs,
        budget_id=budget_id(experiment),
        method=experiment.method,
    )


def _settings(
    learner: Any, dataset: Dataset, experiment: Experiment, options: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "pool size": len(dataset.train),
        "test size": len(dataset.test),
        "data fingerprint": dataset.fingerprint,
        "model": learner_name(learner),
        **{f"learner's {name}": value for name, value in _own_settings(learner).items()},
        "seed": experiment.seed,
        "rows of cycle 0": experiment.labels[0],
        "strategy": experiment.strategy,
        **{f"option {name}": value for name, value in options.items()},
        "budgets": list(experiment.labels),
    }


def _own_settings(learner: Any) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = getattr(learner, "settings", {})
    return settings
