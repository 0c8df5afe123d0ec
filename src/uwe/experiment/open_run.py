"""A run that is open for work: its journal, its tables, and the steps that are due."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe import journal
from uwe._types import Rows
from uwe.data import Dataset
from uwe.errors import RunError
from uwe.experiment.actions import Query, Train, Wait, next_action
from uwe.experiment.course import require_course
from uwe.experiment.kept import KeptPredictions
from uwe.experiment.steps import Chooser, Fit
from uwe.experiment.threads import limited_threads
from uwe.journal import Answered, Event, Queried, Trained, require_fitting
from uwe.learners import Learner, Measured, give_back_memory
from uwe.oracle import Oracle
from uwe.predictions import Predictions
from uwe.runs import RunStore, write_cycles, write_query
from uwe.runs.cycles import changed_line, queried_rows
from uwe.runs.digests import digests_of, read_recorded
from uwe.tasks import are_labels

if TYPE_CHECKING:
    import torch

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
        choose: chooses the rows of a query.
        fit: trains and measures the model of a cycle.
        learner: trains and predicts.
        threads: processor threads.
        oracle: answers at once; None where people answer.
        initial: rows of cycle 0, where the journal must have the same.
    """

    name: str
    store: RunStore
    dataset: Dataset
    kept: KeptPredictions
    choose: Chooser
    fit: Fit
    learner: Learner
    threads: int
    oracle: Oracle | None = None
    initial: Rows | None = None

    def events(self, first: Sequence[Event]) -> list[Event]:
        """The events of the run's journal; a new journal begins with ``first``."""
        there = self.store.files.journal.exists()
        events = self.store.open_journal(first)
        self._require_plausible(events)
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
        """Do one action after another until nothing is left to do; returns all events.

        Without an oracle, it ends as soon as answers are outstanding: `tell` them, and call it
        again, in this process or another.
        """
        events = list(events)
        n = len(self.dataset.train)
        with limited_threads(self.threads, self.learner):
            while True:
                match next_action(events, budgets, n):
                    case Query() as query:
                        events.append(self.ask(events, query))
                    case Wait(rows=rows) if self.oracle is not None:
                        values = self.oracle(rows)
                        events.append(self.tell(events, rows.tolist(), values, by="oracle"))
                    case Train() as training:
                        events.append(self.train(events, training))
                    case _:
                        break
        give_back_memory(self.dataset.train.x)
        return events

    def ask(self, events: Sequence[Event], query: Query) -> Event:
        """Choose the rows of a query, and note it in the journal."""
        return self.store.append(self.choose(events, query), events)

    def tell(
        self,
        events: Sequence[Event],
        rows: Sequence[int],
        values: Sequence[Any],
        *,
        by: str,
        seconds: float | tuple[float, ...] | None = None,
    ) -> Event:
        """Note answers in the journal, and write what is known of the query.

        Args:
            events: of the journal.
            rows: rows that were answered.
            values: the value of each.
            by: who answered.
            seconds: time spent on all rows, or on each.
        """
        asked = _last_query(events)
        query = None if asked is None else asked.id or None
        told = Answered(tuple(rows), tuple(values), by, query, seconds)
        event = self.store.append(told, events)
        if asked is not None:
            self._write_query([*events, event], asked)
        return event

    def train(self, events: Sequence[Event], training: Train) -> Event:
        """Train and measure the model of a cycle, note it in the journal, and write the table."""
        event = self.store.append(self.fit(events, training), events)
        write_cycles(self.store.files.table, [*events, event], task=self.dataset.task)
        return event

    def restore_tables(self, events: Sequence[Event]) -> None:
        """Write every table that a killed process may have left unwritten."""
        for at, event in enumerate(events, start=1):
            if not isinstance(event, Queried) or not self._has_query_file(event):
                continue
            path = self.store.files.query(event.cycle)
            if path.exists():
                if queried_rows(path) == list(event.rows):
                    continue
                log.warning("%s has other rows than %s, from which it is written again",
                            path, self.store.files.journal.name)  # fmt: skip
            if any(isinstance(later, Answered) for later in events[at:]):
                self._write_query(events, event)
        if any(isinstance(event, Trained) for event in events):
            self._require_table(events)
            write_cycles(self.store.files.table, events, task=self.dataset.task)

    def _has_query_file(self, query: Queried) -> bool:
        return query.cycle > 0 and self.store.files.cycles

    def _require_plausible(self, events: Sequence[Event]) -> None:
        """Refuse events that this run cannot have written."""
        journal_ = self.store.files.journal
        task, n = self.dataset.task, len(self.dataset.train)
        require_fitting(journal_, events, n, is_label=partial(are_labels, task.targets))
        require_course(journal_, events, n, initial=self.initial, oracle=self.oracle)

    def _require_table(self, events: Sequence[Event]) -> None:
        """Say that the table differs from the journal; refuse it where no check sum decides."""
        path, journal_ = self.store.files.table, self.store.files.journal
        line = changed_line(path, events, task=self.dataset.task)
        if line is None:
            return
        if not all(event.at for event in events):  # of format 1
            raise RunError(
                f"line {line} of {path} differs from {journal_.name}, whose lines have no check "
                "sums; remove the table if the journal is right, else restore the journal from a "
                "copy"
            )
        log.warning("line %d of %s differs from %s, from which the table is written again",
                    line, path, journal_.name)  # fmt: skip

    def _write_query(self, events: Sequence[Event], query: Queried) -> None:
        """Write the rows of a query; those of cycle 0 stand in the file of the initial rows."""
        if not self._has_query_file(query):
            return
        files, digests = self.store.files, digests_of(events, Queried, query.cycle)

        def read(what: str, path: Path) -> dict[str, torch.Tensor]:
            return read_recorded(path, digests.get(what), files.journal)

        outputs = read("pool_logits", files.pool_logits(query.cycle))
        path = files.uncertainty(query.cycle, self.kept.measure_name)
        there = "uncertainty" in digests or path.exists()
        scores = read("uncertainty", path)["uncertainty"].tolist() if there else None
        write_query(
            files.query(query.cycle),
            query,
            pool=journal.replay(events, len(self.dataset.train)),
            ids=self.dataset.ids,
            predicted=self.dataset.task.predicted(Predictions(outputs=outputs)),
            task=self.dataset.task,
            uncertainty=scores,
        )


def _last_query(events: Sequence[Event]) -> Queried | None:
    return next((event for event in reversed(events) if isinstance(event, Queried)), None)
