"""Which tasks, predictions and removals bring a Label Studio to the picks of a project."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from uwe._json import json_value
from uwe.errors import InputError
from uwe.formats.label_studio.annotations import ID, id_of
from uwe.formats.label_studio.labelling import Controls
from uwe.formats.label_studio.scored_labels import (
    MODEL,
    ScoredLabel,
    hidden_prediction,
    prediction_of,
)
from uwe.journal import Event, Queried
from uwe.pool import Pool
from uwe.project import Items
from uwe.project.ids import Ids
from uwe.selecting.items import Item, Text, Values

__all__ = [
    "Plan",
    "asked_rows",
    "content_of",
    "planned",
    "predictions_of",
    "require_same_items",
    "task_of",
]

_JSON = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What has to be done.

    Attributes:
        send: rows without a task.
        predict: predictions that tasks lack, by the number of the task.
        change: what predictions become, by their number.
        drop: numbers of predictions that stand beside one of the same version.
        remove: numbers of tasks that nobody has begun, and whose item needs no label or has another
            task.
    """

    send: tuple[int, ...] = ()
    predict: tuple[tuple[int, _JSON], ...] = ()
    change: tuple[tuple[int, _JSON], ...] = ()
    drop: tuple[int, ...] = ()
    remove: tuple[int, ...] = ()


def planned(
    tasks: Sequence[_JSON],
    wanted: Mapping[str, int],
    ids: Ids,
    predictions: Mapping[int, _JSON],
) -> Plan:
    """What brings the tasks to the picks.

    Args:
        tasks: of Label Studio.
        wanted: the rows that people are asked about, by id.
        ids: of the project; other tasks are left alone.
        predictions: for tasks, by row.
    """
    by_id: dict[str, list[_JSON]] = {}
    for each in tasks:
        name = id_of(each)
        if name is not None and ids.row_of(name) is not None:
            by_id.setdefault(name, []).append(each)
    kept = {name: _kept(some) for name, some in by_id.items()}
    unneeded = [
        each["id"]
        for name, some in by_id.items()
        for each in some
        if not _is_begun(each) and (name not in wanted or each is not kept[name])
    ]
    open_tasks = [
        (kept[name], predictions[row])
        for name, row in wanted.items()
        if name in kept and not kept[name].get("annotations") and row in predictions
    ]
    standing = [(each, _own(each), wish) for each, wish in open_tasks]
    return Plan(
        send=tuple(row for name, row in wanted.items() if name not in by_id),
        predict=tuple((each["id"], wish) for each, own, wish in standing if not own),
        change=tuple(
            (own[0]["id"], wish) for _, own, wish in standing if own and not _is_same(own[0], wish)
        ),
        drop=tuple(extra["id"] for _, own, _ in standing for extra in own[1:]),
        remove=tuple(unneeded),
    )


def _kept(tasks: Sequence[_JSON]) -> _JSON:
    """Of the tasks of one item, the one that people have begun, else the first."""
    return min(tasks, key=lambda each: (not _is_begun(each), each["id"]))


def _is_begun(task: _JSON) -> bool:
    return bool(task.get("annotations") or task.get("drafts"))


def _own(task: _JSON) -> list[_JSON]:
    """The predictions that uwe made."""
    found = [each for each in task.get("predictions") or () if isinstance(each, Mapping)]
    return sorted(
        (each for each in found if each.get("model_version") == MODEL), key=lambda each: each["id"]
    )


def _is_same(prediction: _JSON, wish: _JSON) -> bool:
    return all(prediction.get(name) == wish[name] for name in ("score", "result"))


def predictions_of(
    scored: Mapping[int, ScoredLabel], controls: Controls, blind: Set[int]
) -> dict[int, dict[str, Any]]:
    """The predictions for tasks, by row; of blind rows they show nothing."""
    return {
        row: hidden_prediction(its) if row in blind else prediction_of(its, controls)
        for row, its in scored.items()
    }


def task_of(
    name: str, content: Any, controls: Controls, prediction: _JSON | None
) -> dict[str, Any]:
    """A task for an item.

    Args:
        name: id of the item.
        content: what is shown of it.
        controls: of the labelling configuration.
        prediction: what a model says of it, or None.

    >>> task_of("a", "Where is it?", Controls("label", "item", "text", "choices"), None)
    {'data': {'uwe_id': 'a', 'text': 'Where is it?'}, 'predictions': []}
    """
    predictions = [] if prediction is None else [prediction]
    return {"data": {ID: name, controls.data: content}, "predictions": predictions}


def content_of(item: Item) -> Any:
    """What a task holds of an item that is no image: a text, or values by their names.

    >>> content_of(Text("Where is it?"))
    'Where is it?'
    """
    if isinstance(item, Text):
        return item.text
    if isinstance(item, Values):
        return {name: _plain(value) for name, value in item.values.items()}
    raise InputError("an image is sent as a file")


def _plain(value: Any) -> Any:
    """A value that JSON has; NaN and infinity become texts."""
    found = json_value(value)
    return str(found) if isinstance(found, float) and not math.isfinite(found) else found


def asked_rows(events: Sequence[Event], pool: Pool, ids: Ids) -> dict[str, int]:
    """The rows that people are asked about, by id, in the order of picking."""
    left = set(pool.outstanding.tolist())
    queries = (event for event in events if isinstance(event, Queried))
    return {ids[row]: row for event in queries for row in event.rows if row in left}


def require_same_items(tasks: Sequence[_JSON], items: Items, controls: Controls) -> None:
    """Refuse tasks that show something else than the item whose id they have.

    Images are known by their ids alone, which are their paths.

    Raises:
        InputError: they are of another project whose ids are alike.
    """
    if items.kind == "images":
        return
    for each in tasks:
        name = id_of(each)
        row = None if name is None else items.ids.row_of(name)
        if row is not None and each["data"].get(controls.data) != content_of(items.preview(row)):
            raise InputError(
                f"task {each['id']} of Label Studio shows another item under the id {name!r} than "
                "the project has; name another project with --ls-project"
            )
