"""What follows from the events of a journal: the pool, and who answered what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from uwe.errors import RunError
from uwe.journal.events import (
    Answered,
    Event,
    Queried,
    Settled,
    Skipped,
    Trained,
    Withdrawn,
)
from uwe.pool import Pool

__all__ = ["Settle", "Standing", "answer_counts", "answers_by_row", "replay", "settled_by_row"]

Settle: TypeAlias = Callable[[list[Any]], Any]
"""Gives the value of a row from its answers, one a person, in the order of answering."""


def replay(
    events: Iterable[Event], n: int, *, settle: Settle | None = None, answers: int = 1
) -> Pool:
    """The pool of ``n`` rows after ``events``, built in one pass.

    A person's later answer replaces their own earlier one. A row is labelled as soon as ``answers``
    people have answered it. A row that somebody skipped is not labelled, however many answered it.
    A settled value counts, also where people answer or skip otherwise.

    Args:
        events: in the order of the journal.
        n: number of rows.
        settle: gives the value of a row from its answers; None where they must be equal.
        answers: number of people who must answer a row.

    Raises:
        RunError: a row is outside the pool or was queried twice, or answers differ and there is
            no ``settle``.

    >>> events = [Queried(0, (3, 1)), Answered((3,), (7,), "ann"), Skipped((1,), "bob", "dark")]
    >>> pool = replay(events, 5)
    >>> pool.labelled.tolist(), pool.values, pool.skipped.tolist(), pool.unlabelled.tolist()
    ([3], [7], [1], [0, 2, 4])
    """
    standing = _standing(events)
    return Pool.of(
        n,
        cycles=standing.cycles,
        values=standing.values(settle, answers),
        skipped=standing.skipped(),
    )


def answers_by_row(events: Iterable[Event]) -> dict[int, dict[str, Any]]:
    """The answers that stand for each row, by person, in the order of answering.

    >>> ann, bob = Answered((3,), (7,), "ann"), Answered((3,), (8,), "bob")
    >>> answers_by_row([ann, bob, Withdrawn((3,), "ann")])
    {3: {'bob': 8}}
    """
    return _standing(events).answers()


def settled_by_row(events: Iterable[Event]) -> dict[int, tuple[Any, str]]:
    """The value that was settled for each row, and who settled it; empty where a rule did.

    >>> settled_by_row([Settled((3,), (7,), "review", "ann"), Settled((4,), (8,), "majority")])
    {3: (7, 'ann'), 4: (8, '')}
    """
    return _standing(events).settled


def answer_counts(events: Iterable[Event]) -> dict[str, int]:
    """How many rows each person has answered; answers taken back are not counted.

    >>> answer_counts([Answered((3, 4), (7, 7), "ann"), Skipped((4,), "ann", "dark")])
    {'ann': 1}
    """
    return {by: len(rows) for by, rows in _standing(events).said.items() if rows}


@dataclass
class Standing:
    """What stands after some events, which are applied one at a time.

    An event costs the time of its rows, and a question about a row that of the people; neither
    costs that of the journal.

    Attributes:
        cycles: cycle of each row that was asked about.
        given: every value that was ever answered, in order.
        said: by person and row, where in ``given`` the answer is.
        refused: by person, the rows skipped.
        settled: by row, the settled value and who settled it.

    >>> standing = Standing()
    >>> standing.apply(Answered((3,), (7,), "ann"))
    >>> standing.apply(Skipped((3,), "bob", "dark"))
    >>> standing.answers_of(3), standing.skipped_by(3), standing.label_of(3)
    ({'ann': 7}, ['bob'], None)
    >>> standing.apply(Withdrawn((3,), "bob"))
    >>> standing.label_of(3), standing.label_of(3, answers=2)
    (7, None)
    """

    cycles: dict[int, int] = field(default_factory=dict)
    given: list[Any] = field(default_factory=list)
    said: dict[str, dict[int, int]] = field(default_factory=dict)
    refused: dict[str, set[int]] = field(default_factory=dict)
    settled: dict[int, tuple[Any, str]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Take an event into account, which comes after all earlier ones.

        Raises:
            RunError: a row is asked about again.
        """
        _DO[type(event)](self, event)

    def answers_of(self, row: int) -> dict[str, Any]:
        """The answers that stand for a row, by person, in the order of answering."""
        found = sorted((rows[row], by) for by, rows in self.said.items() if row in rows)
        return {by: self.given[at] for at, by in found}

    def skipped_by(self, row: int) -> list[str]:
        """Who has skipped a row."""
        return [by for by, rows in self.refused.items() if row in rows]

    def label_of(self, row: int, *, settle: Settle | None = None, answers: int = 1) -> Any:
        """The label that counts for a row, as `replay` has it; None where it has none.

        Args:
            row: of the pool.
            settle: gives the value of a row from its answers; None where they must be equal.
            answers: number of people who must answer a row.

        Raises:
            RunError: answers differ and there is no ``settle``.
        """
        if row in self.settled:
            return self.settled[row][0]
        given = self.answers_of(row)
        if len(given) < max(answers, 1) or self.skipped_by(row):
            return None
        return _value(row, list(given.values()), settle)

    def _query(self, event: Queried) -> None:
        if again := self.cycles.keys() & set(event.rows):
            row = min(again)
            raise RunError(
                f"row {row} cannot be asked about in cycle {event.cycle}: "
                f"it was asked about in cycle {self.cycles[row]}"
            )
        self.cycles.update(dict.fromkeys(event.rows, event.cycle))

    def _answer(self, event: Answered) -> None:
        start = len(self.given)
        self.given += event.values
        self.said.setdefault(event.by, {}).update(
            zip(event.rows, range(start, len(self.given)), strict=True)
        )
        if refused := self.refused.get(event.by):
            refused.difference_update(event.rows)

    def _skip(self, event: Skipped) -> None:
        self._forget(event.by, event.rows)
        self.refused.setdefault(event.by, set()).update(event.rows)

    def _withdraw(self, event: Withdrawn) -> None:
        self._forget(event.by, event.rows)
        if refused := self.refused.get(event.by):
            refused.difference_update(event.rows)
        for row in event.rows:
            if row in self.settled and self.settled[row][1] in ("", event.by):
                del self.settled[row]

    def _settle(self, event: Settled) -> None:
        decided = zip(event.rows, event.values, strict=True)
        self.settled.update({row: (value, event.by) for row, value in decided})

    def _train(self, event: Trained) -> None:
        """A training changes nothing."""

    def skipped(self) -> set[int]:
        """Rows that somebody skipped and nobody settled."""
        return set().union(*self.refused.values()) - self.settled.keys()

    def answers(self) -> dict[int, dict[str, Any]]:
        """By row and person, in the order of answering."""
        every = sorted((at, row, by) for by, rows in self.said.items() for row, at in rows.items())
        found: dict[int, dict[str, Any]] = {}
        for at, row, by in every:
            found.setdefault(row, {})[by] = self.given[at]
        return found

    def values(self, settle: Settle | None, answers: int) -> dict[int, Any]:
        """The value of each labelled row."""
        skipped = self.skipped()
        found = {
            row: _value(row, at, settle)
            for row, at in self._answered(answers)
            if row not in skipped and row not in self.settled
        }
        return found | {row: value for row, (value, _) in self.settled.items()}

    def _answered(self, answers: int) -> Iterable[tuple[int, list[Any]]]:
        """Rows that enough people answered, with their answers in the order of answering."""
        if len(self.said) == 1 and answers == 1:  # most journals: no need to gather by row
            [rows] = self.said.values()
            return ((row, [self.given[at]]) for row, at in rows.items())
        by_row = self.answers()
        return ((row, list(its.values())) for row, its in by_row.items() if len(its) >= answers)

    def _forget(self, by: str, rows: Iterable[int]) -> None:
        said = self.said.get(by, {})
        for row in rows:
            said.pop(row, None)


_DO: Mapping[type[Event], Callable[[Standing, Any], None]] = {
    Queried: Standing._query,
    Answered: Standing._answer,
    Skipped: Standing._skip,
    Withdrawn: Standing._withdraw,
    Settled: Standing._settle,
    Trained: Standing._train,
}


def _standing(events: Iterable[Event]) -> Standing:
    standing = Standing()
    for event in events:
        standing.apply(event)
    return standing


def _value(row: int, values: list[Any], settle: Settle | None) -> Any:
    if settle is not None:
        return settle(values)
    if any(value != values[0] for value in values[1:]):
        raise RunError(
            f"row {row} has different answers: {', '.join(map(repr, values))}; settle it, or pass "
            "settle to choose one"
        )
    return values[0]
