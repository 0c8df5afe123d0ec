"""Boxes and masks of an export, image by image, as formats of other tools write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from uwe._types import BoolArray
from uwe.data.images import upright_size
from uwe.formats.export import Entry, Export
from uwe.project.outlines import base_of, name_of
from uwe.project.shapes import GivenShapes
from uwe.tasks import Boxes, Mask, Masks, Task

__all__ = ["DrawnImage", "DrawnPart", "drawn_images", "parts_given", "parts_of", "runs_of"]


@dataclass(frozen=True)
class DrawnPart:
    """A box, or the pixels of a class.

    Attributes:
        name: of the class.
        box: left, top, right and bottom in pixels; of pixels, the box around them.
        area: of pixels, bool ``[h, w]``; None of a box.
        score: that a model gives the box; None of a person's.
        crowd: whether it holds a crowd.
    """

    name: str
    box: tuple[float, float, float, float]
    area: BoolArray | None = None
    score: float | None = None
    crowd: bool = False


@dataclass(frozen=True)
class DrawnImage:
    """An image and what is drawn on it.

    Attributes:
        id: of the item.
        size: width and height.
        parts: boxes, or the pixels of each class.
        by_model: whether a model gave them, and nobody has looked at them.
        is_labelled: whether the label counts, also without any part.
    """

    id: str
    size: tuple[int, int]
    parts: tuple[DrawnPart, ...]
    by_model: bool
    is_labelled: bool


def drawn_images(export: Export) -> Iterator[DrawnImage]:
    """The images of an export with their boxes or masks, or with those of a model.

    Raises:
        DataError: an image is gone.
        RunError: the file of a mask is gone.
    """
    for entry in export.entries:
        size = upright_size(export.image(entry), entry.id)
        by_model = entry.label is None and entry.given is not None
        parts = parts_given(export.task, entry.given) if by_model else _parts(export.task, entry)
        yield DrawnImage(entry.id, size, parts, by_model, entry.label is not None)


def _parts(task: Task, entry: Entry) -> tuple[DrawnPart, ...]:
    return () if entry.label is None else parts_of(task, entry.label)


def parts_of(task: Task, label: Any) -> tuple[DrawnPart, ...]:
    """The boxes of a label, or the pixels of each class of its mask.

    Args:
        task: what is labelled.
        label: as people write it.

    Raises:
        RunError: the file of a mask is gone.
    """
    return parts_given(task, GivenShapes(task.targets.encode(label)))


def parts_given(task: Task, given: GivenShapes | None) -> tuple[DrawnPart, ...]:
    """As `parts_of`, of what a model gives, with the scores; none of None."""
    if given is None:
        return ()
    if isinstance(task.targets, Masks):
        mask = Mask(str(given.value["mask"]), str(given.value["digest"]))
        return tuple(_of_pixels(task, task.targets.read([mask])[0]))
    boxes, scores = (
        Boxes.from_json(given.value),
        given.scores or (None,) * len(given.value["boxes"]),
    )
    columns = boxes.classes.tolist(), boxes.corners.tolist(), boxes.crowd.tolist(), scores
    return tuple(
        DrawnPart(task.classes[number], tuple(corners), score=score, crowd=crowd)
        for number, corners, crowd, score in zip(*columns, strict=True)
    )


def _of_pixels(task: Task, pixels: Any) -> Iterator[DrawnPart]:
    """The pixels of each class that occurs, but for those that need no shape."""
    base = base_of(task)
    for number in np.unique(pixels).tolist():
        if number != base:
            area = pixels == number
            yield DrawnPart(name_of(task, number), box_around(area), area)


def box_around(area: BoolArray) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the box around an area, the ends exclusive.

    >>> box_around(np.array([[False, True, True], [False, True, False]]))
    (1.0, 0.0, 3.0, 2.0)
    """
    rows, columns = np.flatnonzero(area.any(1)), np.flatnonzero(area.any(0))
    ends = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    left, top, right, bottom = map(float, ends)
    return left, top, right, bottom


def runs_of(area: BoolArray) -> list[int]:
    """Lengths of runs of pixels row by row: first outside, then inside, and so on.

    >>> runs_of(np.array([[True, True], [False, True]]))
    [0, 2, 1, 1]
    """
    flat = area.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    lengths: list[int] = np.diff(np.concatenate([[0], changes, [len(flat)]])).tolist()
    return [0, *lengths] if flat[0] else lengths
