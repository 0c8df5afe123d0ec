"""The course of a run: query, answers, training, cycle by cycle; a journal may have been edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from uwe import journal
from uwe._types import Rows
from uwe.errors import RunError
from uwe.journal import Answered, Event, Queried, Trained
from uwe.oracle import Oracle

__all__ = ["require_course"]

_TEXTS = ("device", "model_digest")
_MEASURED = ("n_labeled", "query_time", "peak_memory_mb")
_MEASURED_BEGIN = ("te_", "tr_", "q_", "lb_", "unlb_")


def require_course(
    path: Path,
    events: Sequence[Event],
    n: int,
    *,
    initial: Rows | None = None,
    oracle: Oracle | None = None,
) -> None:
    """Refuse events that no run can have written in this order.

    Args:
        path: of the journal.
        events: of the journal, in order.
        n: rows of the pool.
        initial: rows of cycle 0, where they are known.
        oracle: gives the answers that the oracle must have given, where there is one.

    Raises:
        RunError: a cycle is missing or comes twice, an answer was not asked for or is another than
            the oracle's, or a fact is of the wrong kind; the event is named.
    """
    course = _Course(n, initial, oracle)
    for event in events:
        if (fault := course.fault(event)) is not None:
            raise RunError(
                f"event {event.id} of {path} {fault}; the journal was damaged or edited; restore "
                "it from a copy"
            )
        course.take(event)


@dataclass
class _Course:
    """What a run has done so far.

    Attributes:
        n: rows of the pool.
        initial: rows of cycle 0, or None.
        oracle: gives the right answers, or None.
        past: the events so far.
        asked: rows that were asked about.
        queries: how many queries there were.
        trainings: how many trainings.
    """

    n: int
    initial: Rows | None
    oracle: Oracle | None
    past: list[Event] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)
    queries: int = 0
    trainings: int = 0

    def take(self, event: Event) -> None:
        """Add an event in which nothing is wrong."""
        self.past.append(event)
        if isinstance(event, Queried):
            self.queries += 1
            self.asked.update(event.rows)
        self.trainings += isinstance(event, Trained)

    @property
    def due(self) -> str:
        """What comes next, beside answers."""
        if self.queries > self.trainings:
            return f"the training of cycle {self.trainings}"
        return f"the query of cycle {self.queries}"

    def fault(self, event: Event) -> str | None:
        """What is wrong with the next event; None where nothing is."""
        check = _CHECKS.get(type(event))
        return None if check is None else check(self, event)

    def query(self, event: Queried) -> str | None:
        """Of a query: the cycles follow each other, each after the training of the one before."""
        if event.cycle != self.queries or self.queries != self.trainings:
            return f"is a query of cycle {event.cycle}, but {self.due} comes next"
        known = self.initial if event.cycle == 0 else None
        if known is not None and sorted(event.rows) != sorted(known.tolist()):
            return "names other initial rows than the file of the initial rows, or than the seed"
        return _wrong_fact(event.facts)

    def answer(self, event: Answered) -> str | None:
        """Of an answer: the row was asked about; the oracle says the same."""
        if strange := sorted(set(event.rows) - self.asked):
            return f"answers row {strange[0]}, which nobody asked about"
        if self.oracle is None or event.by != "oracle":
            return None
        right = self.oracle(np.array(event.rows, dtype=np.int64))
        for row, told, expected in zip(event.rows, event.values, right, strict=True):
            if told != expected:
                return f"says {told!r} of row {row}, but the oracle says {expected!r}"
        return None

    def training(self, event: Trained) -> str | None:
        """Of a training: it follows its query, and has all labels."""
        if event.cycle != self.queries - 1 or self.queries != self.trainings + 1:
            return f"is the training of cycle {event.cycle}, but {self.due} comes next"
        if event.seen is not None and event.seen != len(self.past):
            return f"has seen event {event.seen}, but follows event {len(self.past)}"
        pool = journal.replay(self.past, self.n)
        if len(pool.outstanding):
            return f"is a training, but row {pool.outstanding[0]} has no answer"
        labels = event.facts.get("n_labeled", len(pool.labelled))
        if labels != len(pool.labelled):
            return f"has n_labeled {labels!r}, but {len(pool.labelled)} rows are labelled"
        return _wrong_fact(event.facts)


_CHECKS: Mapping[type[Event], Callable[[_Course, Any], str | None]] = {
    Queried: _Course.query,
    Answered: _Course.answer,
    Trained: _Course.training,
}


def _wrong_fact(facts: Mapping[str, Any]) -> str | None:
    """Which fact is of the wrong kind; facts that this version does not know are not looked at."""
    for name, value in facts.items():
        if value is not None and not _KINDS[_kind_of(name)](value):
            return f"has the fact {name} {ascii(value)[:60]}, which is no {_kind_of(name)}"
    return None


def _kind_of(name: str) -> str:
    if name == "digests" or name in _TEXTS:
        return "object of texts" if name == "digests" else "text"
    measured = name in _MEASURED or name.startswith(_MEASURED_BEGIN) or name.endswith("_seconds")
    return "number" if measured else "fact"


_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: type(value) in (int, float),
    "object of texts": lambda value: (
        isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
    ),
    "fact": lambda _: True,
}
