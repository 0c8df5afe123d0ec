"""Answers as people give them, and the events that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from uwe.errors import InputError
from uwe.journal import Answered, Event, Queried, Skipped, answers_by_row
from uwe.project.ids import Ids
from uwe.tasks import Task

__all__ = ["Answer", "Told", "events_of"]


@dataclass(frozen=True)
class Answer:
    """What one person says about one item.

    Attributes:
        id: of the item.
        label: the label as people write it; None where there is none.
        by: who answered.
        where: what a message calls the answer, such as ``labels.csv: line 3``.
        seconds: how long it took, or None.
        note: a remark, or None.
        skip: whether the item was skipped; ``note`` is then the reason.
    """

    id: str
    label: Any
    by: str
    where: str = ""
    seconds: float | None = None
    note: str | None = None
    skip: bool = False


@dataclass(frozen=True)
class Told:
    """What became of some answers.

    Attributes:
        new: answers about items that were not answered by this person before.
        corrected: answers that replace an earlier one of the same person.
        known: answers that the journal already held.
        skipped: items that were skipped.
        unasked: of the new answers, those about items that nobody asked about.
        empty: rows without a label.
        problems: a line for each answer that was not understood; nothing of it was recorded.
    """

    new: int = 0
    corrected: int = 0
    known: int = 0
    skipped: int = 0
    unasked: int = 0
    empty: int = 0
    problems: tuple[str, ...] = ()


@dataclass
class _Reading:
    """What is gathered while answers are read."""

    groups: dict[tuple[str, int | None], list[tuple[int, Any, Answer]]] = field(
        default_factory=dict
    )
    skips: dict[tuple[str, int | None, str], list[int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    seen: dict[tuple[int, str], Any] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def events_of(
    answers: Sequence[Answer],
    events: Sequence[Event],
    *,
    ids: Ids,
    task: Task,
    strict: bool,
) -> tuple[list[Event], Told]:
    """The events that answers become, and what became of each.

    An answer that the journal already holds becomes nothing, so that a file can be told twice.

    Args:
        answers: in the order of the file.
        events: of the journal so far.
        ids: of the pool.
        task: says which labels there are.
        strict: refuse answers about items that nobody asked about.
    """
    asked = {row: event.id for event in events if isinstance(event, Queried) for row in event.rows}
    standing = answers_by_row(events)
    skipped = _skipped_by(events)
    reading = _Reading()
    for answer in answers:
        try:
            _read(answer, reading, asked, standing, skipped, ids=ids, task=task, strict=strict)
        except InputError as error:
            reading.problems.append(f"{answer.where}: {error}" if answer.where else str(error))
    told = Told(**reading.counts, problems=tuple(reading.problems))
    return [*_answered(reading), *_skips(reading)], told


def _read(
    answer: Answer,
    reading: _Reading,
    asked: Mapping[int, int],
    standing: Mapping[int, Mapping[str, Any]],
    skipped: Mapping[int, set[str]],
    *,
    ids: Ids,
    task: Task,
    strict: bool,
) -> None:
    row = ids.row_of(answer.id)
    if row is None:
        raise InputError(f"there is no item {answer.id!r} in the pool; {ids.hint(answer.id)}")
    if not answer.by:
        raise InputError("who answered is empty; give a name")
    query = asked.get(row)
    value = None if answer.skip else task.targets.encode(answer.label)
    if value is None and not answer.skip:
        reading.count("empty")
        return
    key = (row, answer.by)
    told = (value, answer.skip)
    if key in reading.seen:
        if reading.seen[key] != told:
            raise InputError(f"the item {answer.id!r} has two different labels; keep one")
        reading.count("known")
        return
    if strict and query is None:
        raise InputError(
            f"the item {answer.id!r} was never asked about; leave --strict out to take it"
        )
    reading.seen[key] = told
    if answer.skip:
        if answer.by in skipped.get(row, ()):
            reading.count("known")
            return
        reason = answer.note or ""
        reading.skips.setdefault((answer.by, query, reason), []).append(row)
        reading.count("skipped")
        return
    there = standing.get(row, {})
    if answer.by in there and there[answer.by] == value:
        reading.count("known")
        return
    reading.count("corrected" if answer.by in there else "new")
    if query is None and answer.by not in there:
        reading.count("unasked")
    reading.groups.setdefault((answer.by, query), []).append((row, value, answer))


def _answered(reading: _Reading) -> list[Event]:
    """One event for each person and batch."""
    made: list[Event] = []
    for (by, query), told in reading.groups.items():
        timed = all(answer.seconds is not None for _, _, answer in told)
        notes = {str(row): answer.note for row, _, answer in told if answer.note}
        made.append(
            Answered(
                tuple(row for row, _, _ in told),
                tuple(value for _, value, _ in told),
                by,
                query=query,
                seconds=tuple(float(answer.seconds or 0) for _, _, answer in told)
                if timed
                else None,
                facts={"notes": notes} if notes else {},
            )
        )
    return made


def _skips(reading: _Reading) -> list[Event]:
    return [
        Skipped(tuple(rows), by, reason, query=query)
        for (by, query, reason), rows in reading.skips.items()
    ]


def _skipped_by(events: Sequence[Event]) -> dict[int, set[str]]:
    """Who has skipped each row, and has not answered it or taken it back since."""
    found: dict[int, set[str]] = {}
    for event in events:
        by = getattr(event, "by", None)
        for row in getattr(event, "rows", ()):
            if isinstance(event, Skipped):
                found.setdefault(row, set()).add(event.by)
            elif by is not None:
                found.get(row, set()).discard(by)
    return found
