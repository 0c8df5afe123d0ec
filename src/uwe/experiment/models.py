"""The models of a run: trained on the labelled rows, kept, and given back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from uwe import journal
from uwe._files import write_text
from uwe._random import derive_seed
from uwe._tensors import write_tensors
from uwe._types import Rows, Stage
from uwe.data import Dataset, rows_of
from uwe.errors import RunError
from uwe.experiment.passes import Passes
from uwe.journal import Event
from uwe.learners import Epoch, Keeps, Learner, Measured, WarmStarts
from uwe.runs import RunFiles
from uwe.runs.cycles import csv_text
from uwe.runs.digests import digest_of, model_digest, read_recorded, require_recorded
from uwe.tasks import Array

__all__ = ["Models"]

_SHORT = {"accuracy": "acc"}
"""Metrics with a shorter name in the tables of trainings."""


@dataclass(frozen=True)
class Models:
    """The models of one run, one a cycle.

    A learner that keeps its models saves and loads them. Of any other learner only the number of
    labels is written; its last model is remembered, and after a restart it is trained again on the
    same rows with the same seed.

    Attributes:
        learner: trains them.
        dataset: what they are trained on.
        files: of the run.
        base: files of the cycle-0 run that the run goes on from; None for a run with its own.
        seed: seed of the run.
        passes: predict the test rows after each epoch.
        full_train: whether they do.
        warm: whether a training begins from the model of the cycle before.
        last: the model that was trained last, by cycle.
    """

    learner: Learner
    dataset: Dataset
    files: RunFiles
    base: RunFiles | None
    seed: int
    passes: Passes
    full_train: bool = False
    warm: bool = False
    last: dict[int, Any] = field(default_factory=dict, repr=False)

    def fit(self, cycle: int, rows: Rows, labels: Array, events: Sequence[Event]) -> Any:
        """Train the model of ``cycle`` after ``events``, and write how its epochs went."""
        history: list[tuple[object, ...]] = []

        def note(stage: Stage) -> None:
            self.passes.tell(cycle, stage)
            if isinstance(stage, Epoch):
                measured = self._measured(cycle, stage.model)
                history.append((stage.done, stage.loss, stage.accuracy, *measured))

        try:
            model = self._trained(cycle, rows, labels, events, note)
        except Exception as error:
            raise self._explained(cycle, error) from error
        write_text(self.files.training(cycle), csv_text(self._columns, history))
        self._remember(cycle, model)
        return model

    @property
    def _columns(self) -> tuple[str, ...]:
        """Of the table of a training: losses, and the headline metric in training and test."""
        headline = self.dataset.task.headline.name
        metric = _SHORT.get(headline, headline)
        return ("epoch", "tr_loss", f"tr_{metric}", "te_loss", f"te_{metric}")

    def before(self, cycle: int, events: Sequence[Event]) -> Any:
        """The model that was trained in the cycle before, as ``events`` say.

        Raises:
            RunError: its file is missing, or is not the one that was written.
        """
        return self._given_back(cycle - 1, events)

    def save(self, cycle: int, model: Any, labels: int) -> str:
        """Write the model of ``cycle``, or its number of labels; returns the file's digest."""
        path = self.files.model(cycle)
        if isinstance(self.learner, Keeps):
            self.learner.save(model, path)
        else:
            import torch

            write_tensors(path, {"labels": torch.tensor([labels])})
        return digest_of(path)

    def _trained(
        self,
        cycle: int,
        rows: Rows,
        labels: Array,
        events: Sequence[Event],
        note: Callable[[Stage], None] | None,
    ) -> Any:
        x = rows_of(self.dataset.train.x, rows)
        if not self.warm:
            self.last.clear()  # the earlier model is not kept in memory beside the new one
        given: dict[str, Any] = {
            "task": self.dataset.task,
            "seed": derive_seed(self.seed, cycle, "train"),
            "progress": note,
        }
        if self.warm and cycle > 0 and isinstance(self.learner, WarmStarts):
            perturb = derive_seed(self.seed, cycle, "perturb")
            start = self._given_back(cycle - 1, events)
            return self.learner.fit_from(start, x, labels, perturb_seed=perturb, **given)
        return self.learner.fit(x, labels, **given)

    def _measured(self, cycle: int, model: Any) -> tuple[object, object]:
        if not self.full_train:
            return (None, None)
        predictions = self.passes.over("test", cycle, model)
        task, y = self.dataset.task, self.dataset.test.y
        return (task.mean_loss(predictions, y), task.headline.measured(predictions, y))

    def _given_back(self, cycle: int, events: Sequence[Event]) -> Any:
        if cycle in self.last:
            return self.last[cycle]
        files = self.base if cycle == 0 and self.base is not None else self.files
        path, digest = files.model(cycle), model_digest(events, cycle)
        if isinstance(self.learner, Keeps):
            require_recorded(path, digest, files.journal)
            return self.learner.load(path)
        labels = int(read_recorded(path, digest, files.journal)["labels"][0])
        model = self._trained_again(files, cycle, labels, events)
        self._remember(cycle, model)
        return model

    def _trained_again(
        self, files: RunFiles, cycle: int, labels: int, events: Sequence[Event]
    ) -> Any:
        pool = journal.replay(journal.read(files.journal), len(self.dataset.train))
        labelled = pool.labelled
        rows = labelled[pool.cycle_of(labelled) <= cycle]
        if len(rows) != labels:
            raise RunError(
                f"{files.journal} has {len(rows)} labels up to cycle {cycle}, but the model there "
                f"was trained on {labels}; choose another --results folder"
            )
        targets = self.dataset.task.targets.array(pool.label_of(rows))
        return self._trained(cycle, rows, targets, events, None)

    def _remember(self, cycle: int, model: Any) -> None:
        """Keep one model in memory, of a learner that cannot load it."""
        if not isinstance(self.learner, Keeps):
            self.last.clear()
            self.last[cycle] = model

    def _explained(self, cycle: int, error: Exception) -> Exception:
        """The error of a training; one line of advice if memory was too small."""
        advice = self.learner.advise(error) if isinstance(self.learner, Measured) else None
        if advice is None:
            return error
        return RunError(f"{self.passes.run}, cycle {cycle}: {advice}")
