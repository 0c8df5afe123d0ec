"""Boxes and masks in the pixels of another size of their images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._optional import optional
from uwe._types import FloatArray, Rows
from uwe.project.items import Items
from uwe.tasks import Array, Boxes, Mask, Masks, Task

__all__ = ["fitted_targets", "scale_of", "stretched"]

Pixels: TypeAlias = npt.NDArray[np.uint8]
Size: TypeAlias = tuple[int, int]  # width, height


def fitted_targets(task: Task, items: Items, rows: Rows, values: Sequence[Any]) -> Array:
    """The labels of rows as a learner takes them, at the size of the images that are learnt from.

    Args:
        task: what is learnt.
        items: the pool.
        rows: ``[l]``, labelled.
        values: their labels in JSON.

    Raises:
        RunError: the file of a mask is missing or was changed.
    """
    targets = task.targets.array(values)
    fit = _FITTED.get(task.widget)
    if fit is None:
        return targets
    for at, row in enumerate(rows.tolist()):
        sizes = items.size(row), items.learnt_size(row)
        if sizes[0] is not None and sizes[1] is not None and sizes[0] != sizes[1]:
            targets[at] = fit(task, targets[at], sizes[0], sizes[1])
    return targets


def _fitted_boxes(task: Task, boxes: Boxes, size: Size, learnt: Size) -> Boxes:
    del task
    return replace(boxes, corners=boxes.corners * scale_of(size, learnt))


def _fitted_mask(task: Task, mask: Mask, size: Size, learnt: Size) -> Mask:
    del size
    assert isinstance(task.targets, Masks)
    [pixels] = task.targets.read([mask])
    return Mask.of(stretched(pixels, learnt), mask.name)


_FITTED: Mapping[str, Callable[[Task, Any, Size, Size], Any]] = {
    "boxes": _fitted_boxes,
    "mask": _fitted_mask,
}
"""By the widget of the task."""


def scale_of(size: Size, other: Size) -> FloatArray:
    """What corners of boxes are multiplied with that go from an image to one of another size."""
    across, down = other[0] / size[0], other[1] / size[1]
    return np.array([across, down, across, down])


def stretched(pixels: Pixels, size: Size) -> Pixels:
    """A mask in the size of its image, by the nearest pixel."""
    if pixels.shape[::-1] == size:
        return pixels
    image = optional("PIL.Image", "masks")
    resized = image.fromarray(pixels, "L").resize(size, image.Resampling.NEAREST)
    return np.asarray(resized).astype(np.uint8)
