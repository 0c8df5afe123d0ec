"""Answers as people give them, and the events that they become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from uwe.errors import InputError
from uwe.journal import (
    Answered,
    Event,
    Queried,
    Settled,
    Skipped,
    answers_by_row,
    settled_by_row,
)
from uwe.project.ids import Ids
from uwe.tables import shown_id
from uwe.tasks import Task

__all__ = ["NAMELESS", "Answer", "Told", "events_of", "person"]

_SHOWN = 80  # letters of a label

NAMELESS = "annotator"
"""Who answers where no name is given."""


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
        source: which record of another tool the answer is, such as a version of an annotation; the
            journal keeps it, so that the same record is not told twice.
        settled: how the label was decided over the answers, such as ``review``; None for an answer.
            ``by`` is empty where a rule decided.
    """

    id: str
    label: Any
    by: str
    where: str = ""
    seconds: float | None = None
    note: str | None = None
    skip: bool = False
    source: str = ""
    settled: str | None = None


@dataclass(frozen=True)
class Told:
    """What became of some answers.

    Attributes:
        new: answers about items that were not answered by this person before.
        corrected: answers that replace an earlier one of the same person.
        known: answers that the journal already held.
        skipped: items that were skipped.
        settled: items whose label was decided over the answers.
        unasked: of the new answers, those about items that were never given out.
        empty: rows without a label.
        problems: a line for each answer that was not understood; nothing of it was recorded.
    """

    new: int = 0
    corrected: int = 0
    known: int = 0
    skipped: int = 0
    settled: int = 0
    unasked: int = 0
    empty: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Read:
    """An answer that was understood: the row, and the value in JSON; None of a skip."""

    row: int
    value: Any
    answer: Answer

    @property
    def key(self) -> tuple[int, str, bool]:
        return self.row, self.answer.by, self.answer.settled is not None

    @property
    def said(self) -> tuple[Any, bool]:
        return self.value, self.answer.skip


@dataclass(frozen=True)
class _Known:
    """What the journal says already: the query of each row, and what stands about it."""

    asked: Mapping[int, int]
    answers: Mapping[int, Mapping[str, Any]]
    skipped: Mapping[int, set[str]]
    settled: Mapping[int, tuple[Any, str]]

    def holds(self, read: _Read) -> bool:
        by = read.answer.by
        if read.answer.settled is not None:
            return read.row in self.settled and self.settled[read.row][0] == read.value
        if read.answer.skip:
            return by in self.skipped.get(read.row, ())
        answers = self.answers.get(read.row, {})
        return by in answers and answers[by] == read.value

    def kind(self, read: _Read) -> str:
        if read.answer.settled is not None:
            return "settled"
        if read.answer.skip:
            return "skipped"
        return "corrected" if read.answer.by in self.answers.get(read.row, {}) else "new"


def events_of(
    answers: Sequence[Answer],
    events: Sequence[Event],
    *,
    ids: Ids,
    task: Task,
    strict: bool,
    prepare: Callable[[int, Any], Any] | None = None,
) -> tuple[list[Event], Told]:
    """The events that answers become, and what became of each.

    An answer that the journal already holds becomes nothing, so that a file can be told twice. Of
    answers of one person that contradict each other about an item, none is taken.

    Args:
        answers: in the order of the file.
        events: of the journal so far.
        ids: of the pool.
        task: says which labels there are.
        strict: refuse answers about items that were never given out.
        prepare: gives the label of a row as the task's targets take it; None: as it is.
    """
    known = _Known(
        {row: event.id for event in events if isinstance(event, Queried) for row in event.rows},
        answers_by_row(events),
        _skipped_by(events),
        settled_by_row(events),
    )
    problems: list[str] = []
    allowed = known.asked if strict else None
    readable = list(_understood(answers, ids, task, allowed, problems, prepare or _as_it_is))
    empty = len(answers) - len(problems) - len(readable)
    understood = list(_without_contradictions(readable, problems))
    fresh = [read for read in _once(understood) if not known.holds(read)]
    counts = Counter(known.kind(read) for read in fresh)
    unasked = [read for read in fresh if known.kind(read) == "new" and read.row not in known.asked]
    told = Told(
        counts["new"],
        counts["corrected"],
        len(understood) - len(fresh),
        counts["skipped"],
        counts["settled"],
        len(unasked),
        empty,
        tuple(problems),
    )
    made = [*_answered(fresh, known.asked), *_skips(fresh, known.asked), *_settled(fresh)]
    return made, told


def _understood(
    answers: Sequence[Answer],
    ids: Ids,
    task: Task,
    asked: Mapping[int, int] | None,
    problems: list[str],
    prepare: Callable[[int, Any], Any],
) -> Iterator[_Read]:
    """The answers that have a label; those that are not understood are problems.

    Args:
        answers: in the order of the file.
        ids: of the pool.
        task: says which labels there are.
        asked: rows of which alone answers are taken; None: all rows.
        problems: gets a line for each answer that is not understood.
        prepare: gives the label of a row as the targets take it.
    """
    for answer in answers:
        try:
            read = _read(answer, ids, task, prepare)
            if read is not None and asked is not None and read.row not in asked:
                raise InputError(
                    f"the item {shown_id(answer.id)} was never given out; leave --strict out to "
                    "take it"
                )
        except InputError as error:
            problems.append(f"{answer.where}: {error}" if answer.where else str(error))
        else:
            yield from () if read is None else (read,)


def person(name: str) -> str:
    """The name of a person, without blanks around it.

    Raises:
        InputError: it is empty, or no text.
    """
    given: object = name
    if not isinstance(given, str):
        raise InputError(f"who answered must be a name, not {given!r}")
    if not name.strip():
        raise InputError("who answered is empty; give a name")
    return name.strip()


def _as_it_is(row: int, label: Any) -> Any:
    del row
    return label


def _read(answer: Answer, ids: Ids, task: Task, prepare: Callable[[int, Any], Any]) -> _Read | None:
    """The row and the value of an answer; None where there is no label.

    Raises:
        InputError: there is no such item, or it is no label of the task.
    """
    row = ids.require(answer.id)
    is_settled = answer.settled is not None
    by = "" if is_settled and not answer.by else person(answer.by)
    answer = replace(answer, by=by, skip=answer.skip and not is_settled)
    if answer.skip:
        return _Read(row, None, answer)
    try:
        value = task.targets.encode(prepare(row, answer.label))
    except InputError as error:
        raise InputError(f"item {shown_id(answer.id)}: {error}") from error
    return None if value is None else _Read(row, value, answer)


def _without_contradictions(reads: Sequence[_Read], problems: list[str]) -> Iterator[_Read]:
    """Answers that agree with all others of their person about the item; others are problems."""
    first: dict[tuple[int, str, bool], _Read] = {}
    against: dict[tuple[int, str, bool], _Read] = {}
    for read in reads:
        if first.setdefault(read.key, read).said != read.said:
            against.setdefault(read.key, read)
    for key, read in against.items():
        one, other = first[key].answer, read.answer
        where = f"{other.where}: " if other.where else ""
        problems.append(
            f"{where}the item {shown_id(one.id)} has two answers of {one.by}, "
            f"{_shown(one)} and {_shown(other)}; keep one"
        )
    yield from (read for read in reads if read.key not in against)


def _shown(answer: Answer) -> str:
    label = repr(answer.label)
    return "a skip" if answer.skip else label if len(label) <= _SHOWN else f"{label[:_SHOWN]}…"


def _once(reads: Sequence[_Read]) -> Iterator[_Read]:
    found: set[tuple[int, str, bool]] = set()
    for read in reads:
        if read.key not in found:
            found.add(read.key)
            yield read


def _answered(fresh: Sequence[_Read], asked: Mapping[int, int]) -> list[Event]:
    """One event for each person and batch, and whether the answers were timed.

    The answers of a row keep their order, by which some tasks settle equal votes: a person's event
    is followed by a second one where the first is older than another's answer about the row.
    """
    groups: list[list[_Read]] = []
    open_group: dict[tuple[str, int | None, bool], int] = {}
    last: dict[int, int] = {}  # the group of the row's latest answer
    for read in fresh:
        if read.answer.skip or read.answer.settled is not None:
            continue
        key = (read.answer.by, asked.get(read.row), read.answer.seconds is not None)
        at = open_group.get(key, -1)
        if at < 0 or at < last.get(read.row, -1):
            at = open_group[key] = len(groups)
            groups.append([])
        groups[at].append(read)
        last[read.row] = at
    return [_answer_event(group, asked) for group in groups]


def _answer_event(reads: Sequence[_Read], asked: Mapping[int, int]) -> Event:
    """The event of the answers of one person in one batch."""
    timed = reads[0].answer.seconds is not None
    return Answered(
        tuple(read.row for read in reads),
        tuple(read.value for read in reads),
        reads[0].answer.by,
        query=asked.get(reads[0].row),
        seconds=tuple(float(read.answer.seconds or 0) for read in reads) if timed else None,
        facts=_by_row("notes", reads, "note") | _by_row("sources", reads, "source"),
    )


def _by_row(name: str, reads: Sequence[_Read], field: str) -> dict[str, Any]:
    """A fact of an event: what some answers say besides, by row; nothing where none says it."""
    said = {str(read.row): found for read in reads if (found := getattr(read.answer, field))}
    return {name: said} if said else {}


def _skips(fresh: Sequence[_Read], asked: Mapping[int, int]) -> list[Event]:
    groups: dict[tuple[str, int | None, str], list[_Read]] = {}
    for read in fresh:
        if read.answer.skip:
            key = (read.answer.by, asked.get(read.row), read.answer.note or "")
            groups.setdefault(key, []).append(read)
    return [
        Skipped(
            tuple(read.row for read in reads), by, reason, query=query,
            facts=_by_row("sources", reads, "source"),
        )
        for (by, query, reason), reads in groups.items()
    ]  # fmt: skip


def _settled(fresh: Sequence[_Read]) -> list[Event]:
    """One event for each person and rule that decided."""
    groups: dict[tuple[str, str], list[_Read]] = {}
    for read in fresh:
        if read.answer.settled is not None:
            groups.setdefault((read.answer.by, read.answer.settled), []).append(read)
    return [
        Settled(tuple(read.row for read in reads), tuple(read.value for read in reads), rule, by)
        for (by, rule), reads in groups.items()
    ]


def _skipped_by(events: Sequence[Event]) -> dict[int, set[str]]:
    """Who has skipped each row, and has not answered it or taken it back since."""
    found: dict[int, set[str]] = {}
    for event in events:
        by = getattr(event, "by", None)
        for row in getattr(event, "rows", ()):
            if isinstance(event, Skipped):
                found.setdefault(row, set()).add(event.by)
            elif by is not None and not isinstance(event, Settled):
                found.get(row, set()).discard(by)
    return found
