"""Average precision of boxes as COCO measures it, by pycocotools."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._types import FloatArray
from uwe.tasks._task import Array
from uwe.tasks.boxes import Boxes  # noqa: F401 (the doctest)

__all__ = ["EACH_OVERLAP", "LENIENT", "average_precisions"]

LENIENT = (0.5,)
"""The one IoU of AP50."""

EACH_OVERLAP = tuple(float(each) for each in np.linspace(0.5, 0.95, 10))
"""The ten IoUs of COCO's mAP."""

_MOST = 100  # detections of an image that COCO counts
_EVERY_AREA = [[0.0, 1e10]]
_NOT_DEFINED = -1.0
_SCORE, _CLASS = 4, 5


def average_precisions(
    detections: FloatArray, truth: Array, classes: int, overlaps: Sequence[float]
) -> FloatArray:
    """Average precision of each class, the mean over ``overlaps``; NaN where no box is of it.

    The 100 detections of the largest scores count for each image and class. Boxes of a crowd may
    be hit any number of times, and are neither found nor missed.

    Args:
        detections: left, top, right, bottom, score and class ``[n, k, 6]``; a score of 0 is none.
        truth: `Boxes` ``[n]``.
        classes: how many there are.
        overlaps: the least IoU of a hit, each.

    Raises:
        InputError: pycocotools is not installed.

    Source: COCO's evaluation, pycocotools.

    >>> rows = np.array([[[0, 0, 2, 2, 0.9, 0], [4, 4, 6, 6, 0.8, 0]]], dtype=np.float64)
    >>> truth = np.empty(1, dtype=object)
    >>> truth[0] = Boxes(np.array([[4.0, 4, 6, 6]]), np.array([0]))
    >>> average_precisions(rows, truth, 1, LENIENT).tolist()
    [0.5]
    """
    if not classes:
        return np.empty(0)
    evaluation = _evaluation(detections, truth, classes, overlaps)
    with redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, 0]  # overlaps, recalls, classes
    means = precision.mean((0, 1))
    found: FloatArray = np.where((precision == _NOT_DEFINED).all((0, 1)), np.nan, means)
    return found


def _evaluation(
    detections: FloatArray, truth: Array, classes: int, overlaps: Sequence[float]
) -> Any:
    module: Any = optional("pycocotools.cocoeval", "mAP of boxes", extra="detection")
    images, numbers = list(range(len(truth))), list(range(classes))
    found = _indexed(
        (image, row[:_SCORE], int(row[_CLASS]), {"score": float(row[_SCORE])})
        for image, rows in enumerate(detections)
        for row in rows[rows[:, _SCORE] > 0]
    )
    given = _indexed(
        (image, corners, int(number), {"iscrowd": int(crowd), "ignore": int(crowd)})
        for image, boxes in enumerate(truth)
        for corners, number, crowd in zip(boxes.corners, boxes.classes, boxes.crowd, strict=True)
    )
    evaluation = module.COCOeval(iouType="bbox")
    evaluation.cocoGt, evaluation.cocoDt = given, found
    parameters = evaluation.params
    parameters.imgIds, parameters.catIds = images, numbers
    parameters.iouThrs = np.asarray(overlaps)
    parameters.areaRng, parameters.areaRngLbl = _EVERY_AREA, ["all"]
    parameters.maxDets = [_MOST]
    return evaluation


def _indexed(boxes: Iterable[tuple[int, FloatArray, int, dict[str, Any]]]) -> Any:
    """The annotations as pycocotools keeps them, without its prints."""
    coco = optional("pycocotools.coco", "mAP of boxes", extra="detection").COCO()
    of_image, annotations = defaultdict(list), {}
    for number, (image, corners, of_class, more) in enumerate(boxes, start=1):
        left, top, right, bottom = (float(each) for each in corners)
        sides = right - left, bottom - top
        annotation = {
            "id": number,  # from 1: pycocotools takes 0 for no match
            "image_id": image,
            "category_id": of_class,
            "bbox": [left, top, *sides],
            "area": sides[0] * sides[1],
            **more,
        }
        annotations[number] = annotation
        of_image[image].append(annotation)
    coco.imgToAnns, coco.anns = of_image, annotations
    return coco
