"""Training a project's model, and what it says of every row: kept on disk for the next batches.

This module loads torch; the rest of a project does so when a model is needed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from uwe._random import derive_seed
from uwe._tensors import read_tensors, write_tensors
from uwe._types import Progress, Stage
from uwe.data import Dataset, Split, rows_of
from uwe.errors import DataError
from uwe.journal import Event, Trained
from uwe.learners import Chooses, Keeps, Learner, Measured, Stochastic, require_passes
from uwe.pool import Pool
from uwe.predictions import PASSES, Predictions
from uwe.project.files import ProjectFiles
from uwe.project.fitting import fitted_targets
from uwe.project.items import Items
from uwe.project.threads import on_few_threads
from uwe.project.training import scope_of
from uwe.runs.digests import digest_of, digests_of, require_recorded
from uwe.strategies import Strategy
from uwe.tasks import Task

__all__ = ["Trainer", "dataset_of", "outputs_of", "read_predictions"]

_TRAIN_AGAIN = (
    "restore the file from a copy, or record another label, and the model is trained again"
)


@dataclass(frozen=True)
class Trainer:
    """Trains the models of a project.

    Attributes:
        files: of the project.
        items: the pool.
        task: what is learnt.
        learner: trains and predicts.
        strategy: says which outputs are needed.
        seed: of the project.
        progress: callback.
    """

    files: ProjectFiles
    items: Items
    task: Task
    learner: Learner
    strategy: Strategy
    seed: int
    progress: Progress | None = None

    def train(self, x: Any, events: Sequence[Event], pool: Pool) -> Trained:
        """Train on the labelled rows, predict every row, and write both; the caller records it.

        Args:
            x: all rows as they are learnt from, ``[n, ...]``.
            events: of the journal.
            pool: after these events.

        Raises:
            InputError: the learner cannot make the passes that the strategy needs.
            DataError: an output of the model is NaN or infinite.
        """
        number = 1 + len([event for event in events if isinstance(event, Trained)])
        require_passes(self.learner, self.strategy.needs.passes)
        start = time.perf_counter()
        rows = rows_of(x, pool.labelled)
        with on_few_threads(self.learner, rows):
            model = self.learner.fit(
                rows,
                fitted_targets(self.task, self.items, pool.labelled, pool.values),
                task=self.task,
                seed=derive_seed(self.seed, number, "train"),
                progress=self.progress,
            )
        trained = time.perf_counter()
        predictions = self._predicted(model, x, number)
        passed = time.perf_counter()
        self._check(predictions)
        path = self.files.predictions(number)
        write_tensors(path, _tensors(predictions))
        if isinstance(self.learner, Keeps):
            self.learner.save(model, self.files.model(number))
        facts = {
            "n_labeled": len(pool.labelled),
            "model": self.learner.name,
            "train_seconds": trained - start,
            "pass_seconds": passed - trained,
            **scope_of(len(self.items), self.task),
            "digests": {"predictions": digest_of(path)},
        }
        return Trained(number, facts, seen=events[-1].id)

    def forget(self, number: int) -> None:
        """Remove what earlier trainings than ``number`` left."""
        for path in (self.files.predictions(number), self.files.model(number)):
            for other in path.parent.glob(f"*{path.suffix}"):
                if other != path:
                    other.unlink(missing_ok=True)

    def _predicted(self, model: Any, x: Any, number: int) -> Predictions:
        learner = self.learner
        if isinstance(learner, Measured):
            learner = learner.with_batch(learner.fitted_batch())
        passes = self.strategy.needs.passes

        def note(stage: Stage) -> None:
            if self.progress is not None:
                self.progress(replace(stage, name="pool pass"))

        if not passes and isinstance(learner, Chooses):
            wanted = self.strategy.needs.fields
            return learner.predict_wanted(model, x, wanted=wanted, progress=note)
        if not passes:
            return learner.predict(model, x, progress=note)
        assert isinstance(learner, Stochastic)
        seed = derive_seed(self.seed, number, "dropout passes")
        return learner.predict_passes(model, x, passes=passes, seed=seed, progress=note)

    def _check(self, predictions: Predictions) -> None:
        row = predictions.first_not_finite()
        if row is not None:
            raise DataError(
                f"the model's output for {self.items.ids[row]!r} is NaN or infinite; nothing was "
                "written. The training may have diverged"
            )


def dataset_of(name: str, x: Any, items: Items, task: Task) -> Dataset:
    """Rows of a pool as a data set without labels and without test rows.

    Args:
        name: of the data set.
        x: the first rows of the pool, or all of them, ``[m, ...]``.
        items: the pool.
        task: what is learnt.
    """
    n = x.shape[0]
    missing = np.repeat(task.targets.array([None]), n, axis=0)
    none = np.zeros(0, dtype=np.int64)
    return Dataset(
        name=name,
        train=Split(x, missing),
        test=Split(x[none], missing[:0]),
        task=task,
        preparation=items.preparation,
        ids=items.ids if n == len(items) else items.ids[:n],
        fingerprint="",
    )


def outputs_of(training: Trained, events: Sequence[Event], files: ProjectFiles) -> Predictions:
    """What the model of the last training said of every row, as the journal vouches for it.

    Args:
        training: the last.
        events: of the journal.
        files: of the project.

    Raises:
        RunError: the file is missing, damaged, or not the one that was written.
    """
    path = files.predictions(training.cycle)
    digest = digests_of(events, Trained, training.cycle).get("predictions")
    require_recorded(path, digest, files.journal, advice=_TRAIN_AGAIN)
    return read_predictions(path)


def read_predictions(path: Path) -> Predictions:
    """What the model of a training said of every row.

    Raises:
        RunError: the file is missing or damaged.
    """
    tensors = read_tensors(path)
    features = tensors.pop("features", None)
    passes = {name for name in tensors if name.startswith(PASSES)}
    return Predictions(
        features=features,
        outputs={name: tensor for name, tensor in tensors.items() if name not in passes},
        passes={name.removeprefix(PASSES): tensors[name] for name in passes},
    )


def _tensors(predictions: Predictions) -> dict[str, Any]:
    return {name: predictions.field(name).clone() for name in predictions.fields}
