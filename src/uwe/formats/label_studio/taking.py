"""Taking the annotations of a Label Studio into a project: each version of one is told once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from uwe.formats.label_studio.annotations import id_of, person_of
from uwe.journal import Answered, Event, Skipped, Withdrawn
from uwe.project.answers import Answer
from uwe.project.ids import Ids

__all__ = ["fresh", "withdrawn"]

_FACT = "sources"
_SAYS = (Answered, Skipped)


def fresh(answers: Sequence[Answer], events: Sequence[Event]) -> list[Answer]:
    """The answers that were not told before in the version that they have.

    A person who corrects an answer elsewhere is not corrected back by the annotation that stands.

    Args:
        answers: that say which version of which annotation they are.
        events: of the journal.
    """
    told = {source for _, _, source in _told(events)}
    return [answer for answer in answers if answer.source not in told]


def withdrawn(
    tasks: Sequence[Mapping[str, Any]],
    events: Sequence[Event],
    ids: Ids,
    *,
    people: Mapping[int, str],
    source: str,
) -> dict[str, list[int]]:
    """By person, the rows whose annotation was removed from a task that is there.

    A task that was removed takes no answer back, and an answer that came from elsewhere stays.

    Args:
        tasks: of the project of Label Studio.
        events: of the journal.
        ids: of the pool.
        people: names by the number of a user.
        source: how answers name the project of Label Studio.
    """
    there = _annotators(tasks, people)
    found: dict[str, list[int]] = {}
    for (row, by), said in sorted(_standing(events).items()):
        annotators = there.get(ids[row])
        if said.startswith(f"{source} ") and annotators is not None and by not in annotators:
            found.setdefault(by, []).append(row)
    return found


def _annotators(
    tasks: Sequence[Mapping[str, Any]], people: Mapping[int, str]
) -> Mapping[str, Set[str]]:
    """Who annotated each item that has a task."""
    found: dict[str, set[str]] = {}
    for each in tasks:
        name = id_of(each)
        if name is not None:
            found.setdefault(name, set()).update(
                person_of(annotation.get("completed_by"), people)
                for annotation in each.get("annotations") or ()
            )
    return found


def _told(events: Sequence[Event]) -> Iterator[tuple[int, str, str]]:
    """Row, person and source of everything that was told, in the order of the journal."""
    for event in events:
        if isinstance(event, _SAYS):
            sources = event.facts.get(_FACT, {})
            yield from ((row, event.by, str(sources.get(str(row), ""))) for row in event.rows)


def _standing(events: Sequence[Event]) -> dict[tuple[int, str], str]:
    """By row and person, where what stands came from; empty where it came from elsewhere."""
    found: dict[tuple[int, str], str] = {}
    for event in events:
        if isinstance(event, _SAYS):
            found |= {(row, by): source for row, by, source in _told([event])}
        elif isinstance(event, Withdrawn):
            for row in event.rows:
                found.pop((row, event.by), None)
    return found
