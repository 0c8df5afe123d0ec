"""The models of a project: trained when labels have changed, and judged by the audit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uwe import journal
from uwe._files import remove_unfinished
from uwe._locks import Busy
from uwe._types import Progress
from uwe.errors import InputError
from uwe.journal import Event
from uwe.pool import Pool
from uwe.project.broken import skips_of
from uwe.project.estimates import PATIENCE, Estimates, read_estimates, write_estimates
from uwe.project.ledger import Ledger
from uwe.project.making import learner_of
from uwe.project.picking import require_left
from uwe.project.training import is_stale, last_training, scope_of
from uwe.runs.lock import held
from uwe.strategies import Strategy

if TYPE_CHECKING:
    from uwe.learners import Learner
    from uwe.project.predicting import Predicted

__all__ = ["Models"]

log = logging.getLogger("uwe")


@dataclass(frozen=True)
class Models:
    """Trains and judges the models of a project; one process at a time does.

    Attributes:
        ledger: of the project.
        learner: a name or a value of Python.
        strategy: says which outputs are needed.
        progress: callback.
    """

    ledger: Ledger
    learner: Any
    strategy: Strategy
    progress: Progress | None = None

    def train(self) -> bool:
        """Train on the labels so far, and predict every row; False if nothing has changed.

        Raises:
            InputError: no row is labelled.
            RunError: another process is training.
        """
        with held(self.ledger.files.trainer_lock, self._work):
            return self._trained(judging=True)

    def bring_up_to_date(self) -> None:
        """Train if labels have changed, unless another process is training or none is there.

        Raises:
            InputError: no row is left to be picked.
        """
        events = self.ledger.events()
        pool = self.ledger.pool(events)
        require_left(pool)
        if not len(pool.labelled) or not self.ledger.settings.has_model:
            return
        if not self.is_stale(events) and not self._is_unjudged(events):
            return
        with ExitStack() as stack:
            try:
                stack.enter_context(held(self.ledger.files.trainer_lock, self._work))
            except Busy:
                log.warning("another process is training; the last model decides")
                return
            self._trained(judging=True)

    def judge(self) -> Estimates:
        """Estimate the accuracy from the audit, however long it takes; train first if need be.

        Raises:
            InputError: no row is labelled.
            RunError: another process is training.
        """
        with held(self.ledger.files.trainer_lock, self._work):
            self._trained(judging=False)
            x = self._x()
            return self._judged(x, self._learner_of(x), patience=None)

    def predicted(self) -> Predicted:
        """What the last model says of every row.

        Raises:
            RunError: the model's outputs cannot be read.
        """
        from uwe.project.predicting import predicted_by  # loads torch
        from uwe.project.trainer import outputs_of

        events = self.ledger.events()
        last = last_training(events)
        assert last is not None
        outputs = outputs_of(last, events, self.ledger.files)
        return predicted_by(outputs, self.ledger.task, trained_on=int(last.facts["n_labeled"]))

    def is_stale(self, events: Sequence[Event]) -> bool:
        """Whether the last model has not seen the labels, rows or classes that there are."""
        if not self.ledger.settings.has_model:
            return False
        scope = scope_of(len(self.ledger.ids), self.ledger.task)
        return is_stale(events, self.ledger.pool, scope)

    @property
    def _work(self) -> str:
        return f"the training of {self.ledger.files.folder}"

    def _trained(self, *, judging: bool) -> bool:
        """Train if there is anything new, and judge the model; the trainer's lock is held."""
        from uwe.project.trainer import Trainer  # loads torch

        ledger, files = self.ledger, self.ledger.files
        if not ledger.settings.has_model:
            raise InputError(
                f"{files.folder} trains no model; 'uwe next {files.folder} --outputs FILE' picks "
                "by the outputs of yours"
            )
        events = ledger.events()
        pool = ledger.pool(events)
        if not len(pool.labelled):
            raise InputError("no row is labelled, so nothing can be trained; tell some answers")
        if not self.is_stale(events):
            if judging and self._is_unjudged(events):  # a process was killed before it had judged
                x = self._x()
                self._judged(x, self._learner_of(x), patience=PATIENCE)
            return False
        for folder in (files.cache, files.predictions(1).parent):
            remove_unfinished(folder, files.owns)  # of a process that was killed
        x = self._x()
        if broken := ledger.items.broken(files.cache):
            events, pool = self._without(broken)
        learner = self._learner_of(x)
        trainer = Trainer(files, ledger.items, ledger.task, learner, self.strategy,
                          ledger.settings.seed, self.progress)  # fmt: skip
        event = trainer.train(x, events, pool)
        ledger.append(event)
        trainer.forget(event.cycle)
        log.info("trained on %d labels in %.1f s", event.facts["n_labeled"],
                 event.facts["train_seconds"])  # fmt: skip
        if judging and ledger.settings.audit:
            self._judged(x, learner, patience=PATIENCE)
        return True

    def _without(self, broken: Mapping[int, str]) -> tuple[list[Event], Pool]:
        """Events and pool after the rows are skipped whose items turned out to be broken."""
        ledger = self.ledger
        with ledger.telling() as events:
            if new := skips_of(broken, ledger.pool(events).skipped.tolist()):
                journal.append(ledger.files.journal, *new)
        events = ledger.events()
        pool = ledger.pool(events)
        if settled := broken.keys() & set(pool.labelled.tolist()):
            row = min(settled)
            raise InputError(
                f"{broken[row]}; or take back its label, which is settled, with Project.withdraw("
                f"[{ledger.ids[row]!r}])"
            )
        if not len(pool.labelled):
            raise InputError("no row that can be read is labelled; tell some answers")
        return events, pool

    def _x(self) -> Any:
        """All rows as they are learnt from; images are decoded or embedded at the first call."""
        return self.ledger.items.learn(self.ledger.files.cache, self.progress)

    def _learner_of(self, x: Any) -> Learner:
        ledger = self.ledger
        return learner_of(self.learner, ledger.settings, ledger.files, ledger.items, ledger.task, x)

    def _judged(self, x: Any, learner: Learner, patience: float | None) -> Estimates:
        """Judge the last model, and write what is known of it; the trainer's lock is held."""
        from uwe.project.judging import Judge  # loads torch

        ledger = self.ledger
        events = ledger.events()
        last = last_training(events)
        assert last is not None  # it has just been trained
        seen = events[: last.seen or 0]
        judge = Judge(x, ledger.task, learner, ledger.settings.seed, patience, self.progress)
        found = judge.estimates(seen, ledger.pool(seen), last)
        write_estimates(ledger.files.estimates, found)
        return found

    def _is_unjudged(self, events: Sequence[Event]) -> bool:
        """Whether the audit has said nothing of the last model, not even that it is not known."""
        last = last_training(events)
        if not self.ledger.settings.audit or last is None:
            return False
        known = read_estimates(self.ledger.files.estimates)
        return known is None or known.training != last.cycle
