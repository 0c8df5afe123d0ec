"""Passes over pool and test rows: made once and checked."""

from __future__ import annotations

import logging
from collections.abc import Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from uwe._random import derive_seed
from uwe._types import Progress, Stage
from uwe.data import Dataset
from uwe.errors import InputError, RunError
from uwe.learners import (
    Chooses,
    Learner,
    Measured,
    Stochastic,
    in_former_precision,
    is_out_of_memory,
)
from uwe.predictions import Predictions, fits_axes
from uwe.runs.record import FLOAT_BITS, fix_anew, fixed_number

__all__ = ["Passes", "SplitName"]

_FLOAT64 = 64

log = logging.getLogger("uwe")

SplitName: TypeAlias = Literal["pool", "test"]


@dataclass(frozen=True)
class Passes:
    """What the models of one run predict for the rows of a split.

    Attributes:
        run: name of the run, for people.
        learner: predicts.
        dataset: pool and test rows.
        record: record of the run; it fixes the batch of a pass.
        seed: seed of the run.
        progress: callback.
    """

    run: str
    learner: Learner
    dataset: Dataset
    record: Path
    seed: int
    progress: Progress | None = None

    def tell(self, cycle: int, stage: Stage) -> None:
        """Report a stage of work as a stage of this run's cycle."""
        if self.progress is not None:
            self.progress(Stage(self.run, cycle, stage.name, stage.done, stage.total))

    def over(
        self,
        split: SplitName,
        cycle: int,
        model: Any,
        *,
        mc_passes: int = 0,
        wanted: Set[str] = frozenset(),
    ) -> Predictions:
        """Predict every row of ``split``; a learner that `Chooses` makes what is ``wanted``, too.

        If the memory is too small, the pass starts anew with half the batch, which is recorded,
        so that every pass that is kept was made with one batch.

        Raises:
            RunError: an output is not finite, or a single row does not fit the memory.
        """
        while True:
            batch = fixed_number(self.record, "inference_batch")
            try:
                predictions = self._pass(split, cycle, model, batch, mc_passes, wanted)
            except Exception as error:
                if not isinstance(self.learner, Measured) or not is_out_of_memory(error):
                    raise
                self._halve(split, cycle, batch, self.learner.device_name, error)
            else:
                return self._checked(split, cycle, self._in_precision(predictions))

    def _pass(
        self,
        split: SplitName,
        cycle: int,
        model: Any,
        batch: int,
        mc_passes: int,
        wanted: Set[str],
    ) -> Predictions:
        rows = self.dataset.train if split == "pool" else self.dataset.test
        learner = self.learner
        if isinstance(learner, Measured):
            learner = learner.with_batch(batch)

        def note(stage: Stage) -> None:
            self.tell(cycle, replace(stage, name=f"{split} pass"))

        if not mc_passes and isinstance(learner, Chooses):
            return learner.predict_wanted(model, rows.x, wanted=wanted, progress=note)
        if not mc_passes:
            return learner.predict(model, rows.x, progress=note)
        assert isinstance(learner, Stochastic)
        seed = derive_seed(self.seed, cycle, "dropout passes")
        return learner.predict_passes(model, rows.x, passes=mc_passes, seed=seed, progress=note)

    def _in_precision(self, predictions: Predictions) -> Predictions:
        """A run that an earlier version began goes on in float32, as it began."""
        whole = fixed_number(self.record, FLOAT_BITS) == _FLOAT64
        if whole or not isinstance(predictions, Predictions):
            return predictions
        return in_former_precision(self.learner, predictions)

    def _require_shape(self, split: SplitName, predictions: Predictions) -> None:
        """A row for each row, the axes that the task says, and features in columns."""
        rows = self.dataset.train if split == "pool" else self.dataset.test
        n, task = len(rows), self.dataset.task
        name = f"predict() of {self.learner.name}"
        if not isinstance(predictions, Predictions):
            raise InputError(f"{name} returned a {type(predictions).__name__}, not Predictions")
        if len(predictions) != n:
            raise InputError(f"{name} returned {len(predictions)} rows for {n} items")
        if (first := next(iter(task.outputs))) not in predictions.outputs:
            known = ", ".join(sorted(predictions.fields)) or "nothing"
            raise InputError(f"{name} returned {known}, but no {first}, which {task.name} needs")
        for output, axes in task.outputs.items():
            if output not in predictions.outputs:
                continue
            shape = list(predictions.outputs[output].shape)
            if not fits_axes(shape, axes, task.width):
                expected = _AXES_TOLD.get(axes, f"; its axes are [{axes}]")
                told = expected.format(n=n, classes=task.width)
                raise InputError(f"{name} returned {output} of shape {shape}{told}")
        if predictions.features is not None and predictions.features.ndim != 2:
            shape = list(predictions.features.shape)
            raise InputError(f"{name} returned features of shape {shape}; they are [n, d]")

    def _halve(
        self, split: SplitName, cycle: int, batch: int, device: str, error: Exception
    ) -> None:
        if batch == 1:
            raise RunError(
                f"{self.run}, cycle {cycle}: a single row does not fit the memory of {device}; "
                "choose a smaller --model or --image-size"
            ) from error
        fix_anew(self.record, inference_batch=batch // 2)
        log.warning(
            "%s, cycle %d: out of memory in the %s pass; its batch goes from %d to %d rows, and "
            "the record is changed accordingly",
            self.run, cycle, split, batch, batch // 2,
        )  # fmt: skip

    def _checked(self, split: SplitName, cycle: int, predictions: Predictions) -> Predictions:
        self._require_shape(split, predictions)
        row = predictions.first_not_finite()
        if row is not None:
            network = isinstance(self.learner, Measured)
            why = "; the training diverged" if network else ""
            raise RunError(
                f"{self.run}, cycle {cycle}: the model's output for {split} row {row} is NaN or "
                f"infinite (the first such row: {predictions.odd_output(row)}){why}. Every "
                "finished cycle is kept"
            )
        return predictions


_AXES_TOLD = {"n c": " for {classes} classes", "n": " for {n} numbers"}
