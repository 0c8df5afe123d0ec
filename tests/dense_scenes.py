"""Made-up scenes for dense tasks: bright squares on a dark ground, with their masks and boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

from uwe.data import Dataset
from uwe.tasks import Boxes, Mask, Task, detection, segmentation

__all__ = ["HEIGHT", "WIDTH", "boxes_task", "dataset", "masks_task", "scenes"]

HEIGHT, WIDTH = 24, 32
_NAMES = ("red", "blue")
_CHANNEL = (0, 2)


def scenes(count: int, *, seed: int = 0) -> tuple[Any, list[Any], list[Boxes]]:
    """Images uint8 ``[n, 24, 32, 3]``; masks: 0 ground, 1 red, 2 blue; boxes: 0 red, 1 blue."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 40, (count, HEIGHT, WIDTH, 3)).astype(np.uint8)
    masks, boxes = [], []
    for image in x:
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        corners, classes = [], []
        for number in rng.permutation(2)[: rng.integers(1, 3)]:
            side = int(rng.integers(7, 12))
            left = int(rng.integers(0, WIDTH - side))
            top = int(rng.integers(0, HEIGHT - side))
            at = (slice(top, top + side), slice(left, left + side))
            image[at] = 0
            image[(*at, _CHANNEL[number])] = 220
            mask[at] = number + 1
            corners.append([left, top, left + side, top + side])
            classes.append(int(number))
        masks.append(mask)
        boxes.append(Boxes(np.array(corners, dtype=np.float64), np.array(classes)))
    return x, masks, boxes


def masks_task(*splits: list[Any]) -> tuple[Task, list[Any]]:
    """The task of masks, which reads them back by their names, and the targets of each split."""
    kept: dict[str, Any] = {}
    targets = []
    for number, split in enumerate(splits):
        found = np.empty(len(split), dtype=object)
        for row, pixels in enumerate(split):
            name = f"{number}-{row}.png"
            kept[name], found[row] = pixels, Mask.of(pixels, name)
        targets.append(found)
    task = segmentation(("ground", *_NAMES), ignore=255, read=lambda mask: kept[mask.name])
    return task, targets


def boxes_task(*splits: list[Boxes]) -> tuple[Task, list[Any]]:
    """The task of boxes, and the targets of each split."""
    targets = []
    for split in splits:
        found = np.empty(len(split), dtype=object)
        found[:] = split
        targets.append(found)
    return detection(_NAMES), targets


def dataset(kind: str, *, pool: int = 24, test: int = 8) -> Dataset:
    """A data set of scenes for ``segmentation`` or ``detection``."""
    (x, masks, boxes), (test_x, test_masks, test_boxes) = scenes(pool), scenes(test, seed=1)
    if kind == "segmentation":
        task, (y, test_y) = masks_task(masks, test_masks)
    else:
        task, (y, test_y) = boxes_task(boxes, test_boxes)
    return Dataset.from_arrays("scenes", (x, y), (test_x, test_y), task=task)
