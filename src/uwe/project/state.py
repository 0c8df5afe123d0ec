"""Where a project stands, as one value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from uwe import journal
from uwe.journal import Event, Queried
from uwe.pool import Pool
from uwe.project.files import ProjectFiles
from uwe.project.ids import Ids
from uwe.project.manifest import read_manifest
from uwe.project.settings import read_settings
from uwe.project.training import last_training
from uwe.tasks import Masks, Task

__all__ = ["State", "classes_in", "labels_in", "recorded_labels", "state_of"]


@dataclass(frozen=True)
class State:
    """Where a project stands.

    Attributes:
        rows: items in the pool.
        labelled: rows whose label counts.
        outstanding: rows that were given out and are neither labelled nor skipped.
        skipped: rows that were skipped.
        unasked: of the labelled rows, those that were never given out.
        disagreements: rows that people answered differently.
        batches: how many batches were given out.
        by_person: rows that each person answered.
        by_class: labelled rows of each class, of boxes those with one of it; empty where there are
            no classes, and for masks.
        trained_on: labels that the last model was trained on; None without a model.
        is_stale: whether labels, rows or classes changed since.
    """

    rows: int
    labelled: int
    outstanding: int
    skipped: int
    unasked: int
    disagreements: int
    batches: int
    by_person: Mapping[str, int]
    by_class: Mapping[str, int]
    trained_on: int | None
    is_stale: bool


def state_of(events: Sequence[Event], pool: Pool, task: Task, *, is_stale: bool) -> State:
    """Where a project stands.

    Args:
        events: of the journal.
        pool: after these events.
        task: what is labelled.
        is_stale: whether the last model is out of date.
    """
    answers = journal.answers_by_row(events)
    last = last_training(events)
    return State(
        rows=len(pool),
        labelled=len(pool.labelled),
        outstanding=len(pool.outstanding),
        skipped=len(pool.skipped),
        unasked=len(pool.unasked),
        disagreements=sum(_differ(list(told.values())) for told in answers.values()),
        batches=sum(isinstance(event, Queried) for event in events),
        by_person=journal.answer_counts(events),
        by_class=_by_class(pool, task),
        trained_on=None if last is None else last.facts.get("n_labeled"),
        is_stale=is_stale,
    )


def _differ(answers: Sequence[Any]) -> bool:
    return any(answer != answers[0] for answer in answers[1:])


def _by_class(pool: Pool, task: Task) -> dict[str, int]:
    if not task.classes or isinstance(task.targets, Masks):
        return {}
    counts = Counter(each for value in pool.values for each in classes_in(value))
    return {name: counts[at] for at, name in enumerate(task.classes)}


def classes_in(value: Any) -> list[int]:
    """The class numbers of a label in JSON; none of a number and of a mask.

    >>> classes_in(2), classes_in([0, 2]), classes_in({"boxes": [[0, 0, 1, 1]], "classes": [1]})
    ([2], [0, 2], [1])
    """
    if value is None or isinstance(value, float):
        return []
    if isinstance(value, Mapping):
        return sorted(set(value.get("classes", ())))
    found: list[int] = np.atleast_1d(value).tolist()
    return found


def labels_in(pool: Pool, ids: Ids, task: Task) -> dict[str, Any]:
    """The labels that count, by id, as people write them."""
    named = zip(pool.labelled.tolist(), pool.values, strict=True)
    return {ids[row]: task.targets.decode(value) for row, value in named}


def recorded_labels(files: ProjectFiles) -> dict[str, Any]:
    """The labels of a project, of which the source may be gone.

    Raises:
        RunError: a file of the project is missing or damaged.
    """
    settings, ids = read_settings(files.settings), read_manifest(files.rows).ids
    task = settings.make_task()
    pool = journal.replay(
        journal.read(files.journal), len(ids), settle=task.targets.settle, answers=settings.answers
    )
    return labels_in(pool, ids, task)
