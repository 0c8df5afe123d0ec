"""Annotations of Label Studio as answers of people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uwe.formats.label_studio.results import label_in, note_in
from uwe.project.answers import NAMELESS, Answer
from uwe.tasks import Task

__all__ = [
    "BY",
    "ID",
    "NOTE",
    "SETTLED",
    "Words",
    "answers_in",
    "id_of",
    "person_of",
    "seconds_of",
    "words_in",
]

ID = "uwe_id"
"""What the data of a task call the id of its item; ``id`` is the task's own in short exports."""

BY, NOTE, SETTLED = "uwe_by", "uwe_note", "uwe_settled"
"""What `uwe export` writes into annotations, as Label Studio has no such field of its own."""

_JSON = Mapping[str, Any]


def answers_in(
    tasks: Sequence[_JSON],
    task: Task,
    *,
    control: str | None = None,
    people: Mapping[int, str] | None = None,
    source: str = "",
) -> list[Answer]:
    """The last annotation of each person about each item, as an answer.

    Drafts and predictions are no answers. An item that was skipped is a skip. A task without the id
    of an item is not of the project, and is left out.

    Args:
        tasks: of Label Studio, with their annotations.
        task: what is labelled.
        control: the name of the control that gives the label; None: recognised by its type.
        people: names by the number of a user; other users are called by their number.
        source: which project of Label Studio they are of; answers say which version of which
            annotation they are where it is given.

    >>> from uwe.tasks import classification
    >>> crow = [{"type": "choices", "from_name": "label", "value": {"choices": ["crow"]}}]
    >>> told = {"id": 5, "completed_by": 2, "lead_time": 3.5, "result": crow}
    >>> [answer] = answers_in([{"data": {"uwe_id": "a"}, "annotations": [told]}],
    ...                       classification(["crow", "rook"]))
    >>> answer.id, answer.label, answer.by, answer.seconds
    ('a', 'crow', 'annotator 2', 3.5)
    """
    last: dict[tuple[str, str], tuple[_JSON, Words]] = {}
    for each in tasks:
        name = id_of(each)
        for said in [] if name is None else words_in(each, task, control=control, people=people):
            key = str(name), said.by
            if key not in last or said.order > last[key][1].order:
                last[key] = each, said
    return [_answer(name, each, said, source) for (name, _), (each, said) in last.items()]


@dataclass(frozen=True)
class Words:
    """What a person said in an annotation.

    Attributes:
        by: the person.
        label: as people write it; None where there is none, or the item was skipped.
        seconds: how long it took, or None.
        note: a remark, or None.
        skip: whether the item was skipped.
        settled: how the label was decided over the answers, or None for an answer.
        at: when the annotation was last changed.
        number: of the annotation.
    """

    by: str
    label: Any
    seconds: float | None
    note: str | None
    skip: bool
    settled: str | None
    at: str
    number: int

    @property
    def order(self) -> tuple[str, int]:
        """Of a person's words, those of the greatest order are the last."""
        return self.at, self.number


def words_in(
    task: _JSON,
    what: Task,
    *,
    control: str | None = None,
    people: Mapping[int, str] | None = None,
) -> list[Words]:
    """What people said in the annotations of a task.

    Args:
        task: of Label Studio.
        what: is labelled.
        control: the name of the control that gives the label; None: recognised by its type.
        people: names by the number of a user.
    """
    listed = task.get("annotations") or task.get("completions")  # so called in old versions
    return [
        _words(each, what, control, people or {})
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, Mapping)
    ]


def _words(annotation: _JSON, what: Task, control: str | None, people: Mapping[int, str]) -> Words:
    result = _result(annotation)
    is_skipped = bool(annotation.get("was_cancelled") or annotation.get("skipped"))
    number, stamp = annotation.get("id"), annotation.get("updated_at")
    return Words(
        str(annotation[BY]) if BY in annotation
        else person_of(annotation.get("completed_by"), people),
        None if is_skipped else label_in(result, what, control),
        seconds_of(annotation.get("lead_time")),
        _text(annotation.get(NOTE)) or note_in(result),
        is_skipped,
        _text(annotation.get(SETTLED)),
        str(stamp or annotation.get("created_at") or ""),
        number if isinstance(number, int) else 0,
    )  # fmt: skip


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def id_of(task: _JSON) -> str | None:
    """The id of the item that a task is about; None where it has none.

    >>> id_of({"id": 7, "data": {"uwe_id": "a.png", "image": "…"}})
    'a.png'
    """
    data = task.get("data")
    found = data.get(ID) if isinstance(data, Mapping) else None
    return None if found is None else str(found)


def _answer(name: str, each: _JSON, said: Words, source: str) -> Answer:
    return Answer(
        name,
        said.label,
        said.by,
        where=f"task {each.get('id')}" if each.get("id") is not None else "",
        seconds=said.seconds,
        note=said.note,
        skip=said.skip,
        source=f"{source} annotation {said.number} {said.at}" if source else "",
    )


def _result(annotation: _JSON) -> list[_JSON]:
    result = annotation.get("result")
    found = result if isinstance(result, list) else []
    return [each for each in found if isinstance(each, Mapping)]


def person_of(user: Any, people: Mapping[int, str]) -> str:
    """The name of who annotated: the address of a user, else the number.

    >>> person_of(2, {2: "bo@example.org"}), person_of({"email": "ann@example.org"}, {})
    ('bo@example.org', 'ann@example.org')
    """
    if isinstance(user, Mapping):
        known = str(user.get("email") or user.get("username") or "").strip()
        return known or person_of(user.get("id"), people)
    if user is None:
        return NAMELESS
    named = people.get(user) if isinstance(user, int) else None
    return named or f"annotator {user}"


def seconds_of(time: Any) -> float | None:
    """A ``lead_time`` in seconds; None where it is no time.

    >>> seconds_of(3), seconds_of(None), seconds_of(-1)
    (3.0, None, None)
    """
    if isinstance(time, bool) or not isinstance(time, int | float):
        return None
    return float(time) if 0 <= time < math.inf else None
