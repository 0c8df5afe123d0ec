"""A label as the result of a control in Label Studio, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uwe.formats.label_studio.labelling import Controls, kind_of
from uwe.formats.label_studio.shapes import DrawnLabel, outlines_in, shape_results
from uwe.tasks import SHAPE_WIDGETS, Task

__all__ = ["label_in", "note_in", "result_of"]


def result_of(label: Any, controls: Controls) -> list[dict[str, Any]]:
    """A label as a result; no class at all is an empty one.

    Args:
        label: as people write it; of boxes and masks, what is drawn.
        controls: of the labelling configuration.

    >>> result_of("crow", Controls("label", "item", "text", "choices"))[0]["value"]
    {'choices': ['crow']}
    """
    if isinstance(label, DrawnLabel):
        return shape_results(label, controls)
    if controls.kind == "choices" and not label:
        return []
    value = [label] if controls.kind == "choices" and isinstance(label, str) else label
    return [
        {
            "from_name": controls.label,
            "to_name": controls.item,
            "type": controls.kind,
            "value": {controls.kind: value},
        }
    ]


def label_in(result: Sequence[Mapping[str, Any]], task: Task, name: str | None = None) -> Any:
    """The label in a result; None where there is none.

    Args:
        result: of an annotation.
        task: what is labelled.
        name: of the control; None: ``label`` if there are several of the task's type, else the
            only one.

    Raises:
        InputError: Label Studio has no control for the task.

    >>> from uwe.tasks import classification
    >>> given = result_of("crow", Controls("birds", "item", "text", "choices"))
    >>> label_in(given, classification(["crow", "rook"]))
    'crow'
    """
    if task.widget in SHAPE_WIDGETS:
        return outlines_in(result, name)
    kind = kind_of(task)
    found = [each for each in result if each.get("type") == kind]
    names = {control for each in found if isinstance(control := each.get("from_name"), str)}
    wanted = name or (names.pop() if len(names) == 1 else "label")
    values = [
        value
        for each in found
        if each.get("from_name") == wanted and isinstance(given := each.get("value"), Mapping)
        for value in _as_list(given.get(kind))
    ]
    if task.widget == "choices":
        return values
    return values[0] if len(values) == 1 else values or None


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def note_in(result: Sequence[Mapping[str, Any]]) -> str | None:
    """What a person wrote into text areas, line by line; None where there is nothing."""
    lines = [
        str(line)
        for each in result
        if each.get("type") == "textarea" and isinstance(value := each.get("value"), Mapping)
        for line in _as_list(value.get("text"))
    ]
    return "\n".join(lines) or None
