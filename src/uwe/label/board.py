"""What the journal says, as a desk needs it; each event costs the time of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from uwe.journal import Event, Queried, Standing, Trained
from uwe.label.acts import Acts
from uwe.project.audit import asked_for_audit
from uwe.project.state import classes_in
from uwe.tasks import Masks, Task

__all__ = ["Board"]


class Board:
    """What the journal says of every row that was touched.

    Args:
        n: rows of the pool.
        task: says how several answers become one.
        answers: how many people must answer a row before its label counts.
        wanted: how many people are asked about a row; at least ``answers``.

    Attributes:
        n: rows of the pool.
        standing: the answers that stand.
        acts: what each person said, in layers.
        queries: id of the event that asked about a row, by row.
        batches: the events that asked, by id.
        waiting: rows that were given out and that further people are asked about, in the order of
            the batches; the number of the batch by row.
        labels: the labels that count, by row.
        skipped: rows that were skipped and not settled.
        differing: rows that people answered differently and that nobody settled.
        audit: rows that were drawn to measure the model.
        training: the last training, or None.
    """

    def __init__(self, n: int, task: Task, *, answers: int, wanted: Callable[[int], int]) -> None:
        self.n = n
        self.standing = Standing()
        self.acts = Acts()
        self.queries: dict[int, int] = {}
        self.batches: dict[int, Queried] = {}
        self.waiting: dict[int, int] = {}
        self.labels: dict[int, Any] = {}
        self.skipped: set[int] = set()
        self.differing: set[int] = set()
        self.audit: set[int] = set()
        self.training: Trained | None = None
        self._settle = task.targets.settle
        self._answers = answers
        self._wanted = wanted
        self._touched: set[int] = set()
        self._counts: Counter[int] = Counter()

    def apply(self, events: Iterable[Event]) -> None:
        """Take events into account, which come after all earlier ones.

        Raises:
            RunError: a row is asked about again.
        """
        for event in events:
            self.acts.apply(event)
            self.standing.apply(event)
            if isinstance(event, Queried):
                self.batches[event.id] = event
                self.queries.update(dict.fromkeys(event.rows, event.id))
                self.audit |= asked_for_audit([event])
            if isinstance(event, Trained):
                self.training = event
            for row in getattr(event, "rows", ()):
                self._look_at(row)

    @property
    def left(self) -> int:
        """How many rows were never given out, labelled or skipped."""
        return self.n - len(self._touched)

    def by_class(self, task: Task) -> dict[str, int]:
        """Labelled rows of each class; empty where there are no classes, and for masks."""
        counted = [] if isinstance(task.targets, Masks) else task.classes
        return {name: self._counts[at] for at, name in enumerate(counted)}

    def batch_of(self, row: int) -> Queried | None:
        """The event that asked about a row, or None."""
        query = self.queries.get(row)
        return None if query is None else self.batches[query]

    def missing(self, row: int) -> int:
        """How many further people a row waits for."""
        if row not in self.waiting:
            return 0
        return self._wanted(row) - len(self.standing.answers_of(row))

    def _look_at(self, row: int) -> None:
        answers = self.standing.answers_of(row)
        is_settled = row in self.standing.settled
        is_skipped = not is_settled and bool(self.standing.skipped_by(row))
        self._note_label(row)
        _put(self.skipped, row, is_skipped)
        values = list(answers.values())
        differ = any(value != values[0] for value in values[1:])
        _put(self.differing, row, differ and not is_settled)
        is_asked = row in self.queries
        _put(self._touched, row, is_asked or is_skipped or row in self.labels)
        if is_asked and not is_settled and not is_skipped and len(answers) < self._wanted(row):
            self.waiting.setdefault(row, self.batches[self.queries[row]].cycle)
        else:
            self.waiting.pop(row, None)

    def _note_label(self, row: int) -> None:
        before = self.labels.pop(row, None)
        now = self.standing.label_of(row, settle=self._settle, answers=self._answers)
        if now is not None:
            self.labels[row] = now
        if before != now:
            self._counts.subtract(classes_in(before))
            self._counts.update(classes_in(now))


def _put(rows: set[int], row: int, is_in: bool) -> None:
    (rows.add if is_in else rows.discard)(row)
