"""Annotations of Label Studio as answers of people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from uwe.formats.label_studio.results import label_in, note_in
from uwe.project.answers import Answer
from uwe.tasks import Task

__all__ = ["ID", "answers_in", "id_of", "person_of", "seconds_of"]

ID = "uwe_id"
"""What the data of a task call the id of its item; ``id`` is the task's own in short exports."""

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
    last: dict[tuple[str, str], tuple[_JSON, _JSON]] = {}
    for each, annotation in _annotated(tasks):
        key = id_of(each) or "", person_of(annotation.get("completed_by"), people or {})
        if key not in last or _time(annotation) > _time(last[key][1]):
            last[key] = each, annotation
    return [
        _answer(name, by, each, annotation, task, control, source)
        for (name, by), (each, annotation) in last.items()
    ]


def _annotated(tasks: Sequence[_JSON]) -> Iterator[tuple[_JSON, _JSON]]:
    """Every annotation with its task; ``completions`` is what old versions call annotations."""
    for each in tasks:
        if id_of(each) is not None:
            for annotation in each.get("annotations") or each.get("completions") or ():
                yield each, annotation


def id_of(task: _JSON) -> str | None:
    """The id of the item that a task is about; None where it has none.

    >>> id_of({"id": 7, "data": {"uwe_id": "a.png", "image": "…"}})
    'a.png'
    """
    data = task.get("data")
    found = data.get(ID) if isinstance(data, Mapping) else None
    return None if found is None else str(found)


def _answer(
    name: str, by: str, each: _JSON, annotation: _JSON, task: Task, control: str | None, source: str
) -> Answer:
    result = _result(annotation)
    is_skipped = bool(annotation.get("was_cancelled") or annotation.get("skipped"))
    version = f"annotation {annotation.get('id')} {annotation.get('updated_at', '')}"
    return Answer(
        name,
        None if is_skipped else label_in(result, task, control),
        by,
        where=f"task {each.get('id')}" if each.get("id") is not None else "",
        seconds=seconds_of(annotation.get("lead_time")),
        note=note_in(result),
        skip=is_skipped,
        source=f"{source} {version}" if source else "",
    )


def _result(annotation: _JSON) -> list[_JSON]:
    result = annotation.get("result")
    found = result if isinstance(result, list) else []
    return [each for each in found if isinstance(each, Mapping)]


def _time(annotation: _JSON) -> tuple[str, int]:
    """When an annotation was last changed; of equal times, its number decides."""
    number = annotation.get("id")
    stamp = annotation.get("updated_at") or annotation.get("created_at") or ""
    return str(stamp), number if isinstance(number, int) else 0


def person_of(user: Any, people: Mapping[int, str]) -> str:
    """The name of who annotated: the address of a user, else the number.

    >>> person_of(2, {2: "bo@example.org"}), person_of({"email": "ann@example.org"}, {})
    ('bo@example.org', 'ann@example.org')
    """
    if isinstance(user, Mapping):
        known = str(user.get("email") or user.get("username") or "").strip()
        return known or person_of(user.get("id"), people)
    if user is None:
        return "annotator"
    return people.get(user) or f"annotator {user}"


def seconds_of(time: Any) -> float | None:
    """A ``lead_time`` in seconds; None where it is no time.

    >>> seconds_of(3), seconds_of(None), seconds_of(-1)
    (3.0, None, None)
    """
    if isinstance(time, bool) or not isinstance(time, int | float):
        return None
    return float(time) if 0 <= time < math.inf else None
