"""Pictures of picks whose labels are masks or boxes: the answer beside the prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np

from uwe.errors import UweError
from uwe.selecting.overlays import Drawn, DrawnBoxes, DrawnMask, classes_drawn, overlaid
from uwe.selecting.sheet import as_address
from uwe.tasks import Boxes, Masks, Task

__all__ = ["View", "is_drawn", "pixels_of", "views_of"]

Array: TypeAlias = np.ndarray[Any, Any]

_SIDE = 200  # pixels of the longer side, about


@dataclass(frozen=True)
class View:
    """One picture of a pick.

    Attributes:
        what: ``answered`` or ``predicted``.
        source: a data address.
        classes: names by number of the classes that are drawn.
    """

    what: str
    source: str
    classes: Mapping[int, str]


def is_drawn(task: Task) -> bool:
    """Whether the labels of a task are drawn over the items, and Pillow is there to do it."""
    return task.widget in _KINDS and find_spec("PIL") is not None


def views_of(task: Task, item: Array, answer: Any, output: Array | None) -> tuple[View, ...]:
    """The item with its answer, and with what the model predicted, as far as they are known.

    Args:
        task: with the names of its classes.
        item: an image uint8 ``[h, w, channels]``.
        answer: the label as a value of JSON; None where nobody answered.
        output: the first output of the task for the item; None where it was not kept.
    """
    kind = _KINDS[task.widget]
    size = (item.shape[1], item.shape[0])
    shown = {
        "answered": None if answer is None else kind.answered(task, answer, size),
        "predicted": None if output is None else kind.predicted(task, output, size),
    }
    return tuple(_view(what, item, drawn) for what, drawn in shown.items() if drawn is not None)


def pixels_of(task: Task, answer: Any) -> Array | None:
    """The class numbers of a mask, as it is in journals; None where its file is not to be read."""
    if not isinstance(task.targets, Masks):
        return None
    try:
        [pixels] = task.targets.read(task.targets.array([answer]))
    except UweError:
        return None
    return pixels


def _view(what: str, item: Array, drawn: Drawn) -> View:
    from PIL import Image

    pixels = item[:, :, 0] if item.shape[2] == 1 else item
    image = Image.fromarray(np.ascontiguousarray(pixels))
    larger = max(1, _SIDE // max(image.size))
    image = image.resize((image.width * larger, image.height * larger), Image.Resampling.NEAREST)
    image.thumbnail((_SIDE, _SIDE))
    address = as_address(overlaid(image, drawn), subsampling=0)
    return View(what, address, classes_drawn(drawn))


def _answered_mask(task: Task, answer: Any, size: tuple[int, int]) -> Drawn | None:
    del size
    pixels = pixels_of(task, answer)
    ignore = task.targets.ignore if isinstance(task.targets, Masks) else None
    return None if pixels is None else DrawnMask(pixels, task.classes, ignore)


def _predicted_mask(task: Task, output: Array, size: tuple[int, int]) -> Drawn:
    del size
    return DrawnMask(output.astype(np.uint8), task.classes)


def _answered_boxes(task: Task, answer: Any, size: tuple[int, int]) -> Drawn:
    boxes = Boxes.from_json(answer)
    return DrawnBoxes(boxes.corners, boxes.classes.tolist(), task.classes, size)


def _predicted_boxes(task: Task, output: Array, size: tuple[int, int]) -> Drawn:
    return DrawnBoxes.of_detections(output, task.classes, size)


@dataclass(frozen=True)
class _Kind:
    """How the labels of one widget become what is drawn."""

    answered: Callable[[Task, Any, tuple[int, int]], Drawn | None]
    predicted: Callable[[Task, Array, tuple[int, int]], Drawn]


_KINDS: Mapping[str, _Kind] = {
    "mask": _Kind(_answered_mask, _predicted_mask),
    "boxes": _Kind(_answered_boxes, _predicted_boxes),
}
"""By the widget of a task."""
