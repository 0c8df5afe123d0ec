"""A run that is open for work: its journal, its tables, and the steps that are due."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from uwe import journal
from uwe._files import read_tensors
from uwe.data import Dataset
from uwe.experiment.actions import Stop, next_action
from uwe.experiment.kept import KeptPredictions
from uwe.experiment.steps import Steps
from uwe.experiment.threads import limited_threads
from uwe.journal import Event, Labelled, Queried, Trained
from uwe.learners import Learner, Measured, give_back_memory
from uwe.runs import RunStore, write_cycles, write_query

__all__ = ["OpenRun"]

log = logging.getLogger("uwe")


@dataclass(frozen=True)
class OpenRun:
    """A run that is open for work.

    Attributes:
        name: name of the run, for people.
        store: journal and record of the run.
        dataset: pool and test rows.
        kept: what the run keeps of its passes.
        steps: how each action is done.
        learner: trains and predicts.
        threads: processor threads.
    """

    name: str
    store: RunStore
    dataset: Dataset
    kept: KeptPredictions
    steps: Steps
    learner: Learner
    threads: int

    def events(self, first: Sequence[Event]) -> list[Event]:
        """The events of the run's journal; a new journal begins with ``first``."""
        there = self.store.files.journal.exists()
        events = self.store.open_journal(first)
        if there:
            log.info("%s: resumes after %d events", self.name, len(events))
        else:
            about = (
                self.learner.describe() if isinstance(self.learner, Measured) else self.learner.name
            )
            log.info(
                "%s: %d pool rows, %d test rows, %d threads, %s",
                self.name, len(self.dataset.train), len(self.dataset.test), self.threads, about,
            )  # fmt: skip
            for note in self.dataset.notes if not first else ():
                log.info("%s", note, extra={"screen": True})
        self.restore_tables(events)
        return events

    def finish(self, events: Sequence[Event], budgets: Sequence[int]) -> list[Event]:
        """Do one action after another until nothing is left to do; returns all events."""
        events = list(events)
        n = len(self.dataset.train)
        with limited_threads(self.threads, self.learner):
            while not isinstance(action := next_action(events, budgets, n), Stop):
                event = self.steps[type(action)](events, action)
                self.store.append(event)
                events.append(event)
                self.write_tables(events)
        give_back_memory(self.dataset.train.x)
        return events

    def restore_tables(self, events: Sequence[Event]) -> None:
        """Write every table that a killed process may have left unwritten."""
        for at, event in enumerate(events, start=1):
            if isinstance(event, Queried) and not self.store.files.query(event.cycle).exists():
                answered = [later for later in events[at:] if isinstance(later, Labelled)]
                if answered:
                    self.write_tables([*events[:at], answered[0]])
        if any(isinstance(event, Trained) for event in events):
            write_cycles(self.store.files.table, events)

    def write_tables(self, events: Sequence[Event]) -> None:
        """Write the tables that the last event completes."""
        last = events[-1]
        if isinstance(last, Trained):
            write_cycles(self.store.files.table, events)
        elif isinstance(last, Labelled) and self.store.files.cycles:
            query = next(event for event in reversed(events) if isinstance(event, Queried))
            if query.cycle > 0:
                self._write_query(events, query)

    def _write_query(self, events: Sequence[Event], query: Queried) -> None:
        logits = read_tensors(self.store.files.pool_logits(query.cycle))["logits"]
        scores = read_tensors(self.store.files.uncertainty(query.cycle, self.kept.measure_name))
        write_query(
            self.store.files.query(query.cycle),
            query,
            pool=journal.replay(events, len(self.dataset.train)),
            ids=self.dataset.ids,
            predicted=logits.argmax(1).numpy(),
            uncertainty=scores["uncertainty"].tolist(),
        )
