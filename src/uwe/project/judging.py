"""Judging a project's model by its audit, if that takes no longer than people wait for.

This module loads torch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from uwe._random import derive_seed
from uwe._types import FloatArray, IntArray, Progress, Rows
from uwe.data import rows_of
from uwe.errors import UweError
from uwe.journal import Answered, Event, Settled, Trained
from uwe.learners import Learner
from uwe.pool import Pool
from uwe.project.audit import audit_rows
from uwe.project.cross_fitting import Model, Train, judged, work_of
from uwe.project.estimates import PATIENCE, Estimates, estimated, not_enough
from uwe.project.threads import on_few_threads
from uwe.tasks import Task
from uwe.tasks.targets import Classes

__all__ = ["Judge", "labelling_order"]

_OVERHEAD = 10  # a first training may take so much longer than the next ones

log = logging.getLogger("uwe")


@dataclass(frozen=True)
class Judge:
    """Estimates the accuracy of a project's models.

    Attributes:
        x: all rows as they are learnt from.
        task: what is learnt.
        learner: trains and predicts.
        seed: of the project.
        patience: seconds that the work may take; None for any.
        progress: callback.
    """

    x: Any
    task: Task
    learner: Learner
    seed: int
    patience: float | None = PATIENCE
    progress: Progress | None = None

    def estimates(self, events: Sequence[Event], pool: Pool, training: Trained) -> Estimates:
        """What the audit says of a training.

        Args:
            events: that the training has seen.
            pool: after these events.
            training: of the model.
        """
        audit = audit_rows(events, len(pool), self.seed)
        answered = audit[np.isin(audit, pool.labelled)]
        skipped = int(np.isin(audit, pool.skipped).sum())
        waiting = len(audit) - len(answered) - skipped
        labels = len(pool.labelled)
        counts = Estimates(training.cycle, labels, len(answered), skipped, waiting)
        why = self._cannot() or not_enough(labels, len(answered))
        if why:
            return replace(counts, unknown=why)
        order = labelling_order(events, pool)
        with _silent():
            try:
                return self._estimated(order, answered, pool, counts, training)
            except UweError as error:
                return replace(counts, unknown=f"a model could not be judged: {error}")

    def _estimated(
        self, order: Rows, audit: Rows, pool: Pool, counts: Estimates, training: Trained
    ) -> Estimates:
        y = np.zeros(len(pool), dtype=np.int64)
        y[pool.labelled] = self.task.targets.array(pool.values)

        def train(rows: Rows) -> Model:
            return self._model(rows, y[rows])

        seconds = self._seconds(train, order, work_of(len(order), len(audit)), training)
        if seconds is not None:
            takes = f"judging takes about {max(1, round(seconds / 60))} minutes"
            return replace(counts, unknown=f"{takes}; 'uwe status --judge' does it")
        seed = derive_seed(self.seed, training.cycle, "judge")
        return estimated(judged(train, y, order, audit, seed=seed, progress=self.progress), counts)

    def _cannot(self) -> str:
        """Why the task is not judged; empty if it is."""
        if isinstance(self.task.targets, Classes) and "logits" in self.task.outputs:
            return ""
        return f"only tasks with one class a row are judged, and this is {self.task.name}"

    def _seconds(self, train: Train, rows: Rows, work: float, training: Trained) -> float | None:
        """About how long the work takes, if that is too long."""
        if self.patience is None:
            return None
        seconds = float(training.facts.get("train_seconds", 0.0)) * work
        if seconds <= self.patience * _OVERHEAD:  # it may have been slow for being the first
            start = time.perf_counter()
            train(rows)
            seconds = (time.perf_counter() - start) * work
        return seconds if seconds > self.patience else None

    def _model(self, rows: Rows, y: IntArray) -> Model:
        """A model of some rows, with the seed that all of them share."""
        known = rows_of(self.x, rows)
        with on_few_threads(self.learner, known):
            model = self.learner.fit(known, y, task=self.task, seed=self.seed)
        whole = hasattr(self.x, "tocsr")  # the features of a sparse pool are computed once

        def told(others: Rows) -> tuple[IntArray, FloatArray]:
            asked = self.x if whole else rows_of(self.x, others)
            predictions = self.learner.predict(model, asked)
            classes = self.task.predicted(predictions)
            sure = predictions.logits.double().softmax(1).amax(1).cpu().numpy()
            return (classes[others], sure[others]) if whole else (classes, sure)

        return told


def labelling_order(events: Sequence[Event], pool: Pool) -> Rows:
    """The labelled rows in the order in which they were first answered or settled."""
    order = dict.fromkeys(
        row for event in events if isinstance(event, Answered | Settled) for row in event.rows
    )
    labelled = set(pool.labelled.tolist())
    return np.array([row for row in order if row in labelled], dtype=np.int64)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what learners say of their trainings out of the log: there are dozens of trainings."""
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
