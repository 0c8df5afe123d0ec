"""Object detection: boxes and their classes in an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from uwe._types import FloatArray
from uwe.tasks._coco_precision import EACH_OVERLAP, LENIENT, average_precisions
from uwe.tasks._names import named
from uwe.tasks._task import Array, Metric, Task
from uwe.tasks.boxes import Boxes, BoxTargets
from uwe.tasks.place_outputs import (
    OBJECT_OUTPUTS,
    OBJECTNESS,
    PLACE_OUTPUTS,
    no_loss,
    place_gradient,
    place_measures,
    weighted_places,
)
from uwe.tasks.segmentation import class_metric_name

if TYPE_CHECKING:
    from uwe.predictions import Predictions

__all__ = ["PREDICTED_ABOVE", "detected", "detection"]

_OUTPUT = "detections"
_SCORE, _CLASS = 4, 5

PREDICTED_ABOVE = 0.5
"""The score above which a detection is a predicted box."""


def detection(classes: Sequence[str] | int = ()) -> Task:
    """Boxes with classes in each image: mAP at an IoU of 0.5, COCO's mAP.

    ``predicted`` gives the detections whose score is above 0.5.

    Args:
        classes: their names, or how many there are.

    >>> [metric.name for metric in detection(["red", "white"]).metrics]
    ['map50', 'map', 'ap50_0_red', 'ap50_1_white']
    """
    names = named(classes)
    return Task(
        name="detection",
        classes=names,
        targets=BoxTargets(names),
        outputs={_OUTPUT: "n k 6", **PLACE_OUTPUTS, **OBJECT_OUTPUTS},
        metrics=(
            Metric("map50", "mAP at IoU 0.5", _Mean(len(names), LENIENT)),
            Metric("map", "mAP (COCO, IoU 0.50 to 0.95)", _Mean(len(names), EACH_OVERLAP)),
            *(
                Metric(
                    class_metric_name("ap50", number, name),
                    f"AP at IoU 0.5 of {name}",
                    _OfClass(len(names), LENIENT, number),
                )
                for number, name in enumerate(names)
            ),
        ),
        measures=dict(place_measures(OBJECTNESS)),
        mean_loss=no_loss,
        predicted=_predicted,
        gradient=place_gradient,
        weighted=weighted_places,
        widget="boxes",
    )


def detected(rows: FloatArray, above: float = 0.0) -> Boxes:
    """The boxes of one image's detections, in their order.

    Args:
        rows: left, top, right, bottom, score and class ``[k, 6]``; a score of 0 is no detection.
        above: what the score must exceed.

    >>> detected(np.array([[0, 0, 2, 3, 0.9, 1], [0, 0, 0, 0, 0, 0]])).as_json()
    {'boxes': [[0.0, 0.0, 2.0, 3.0]], 'classes': [1]}
    """
    kept = rows[rows[:, _SCORE] > above]
    return Boxes(kept[:, :_SCORE], kept[:, _CLASS].astype(np.int64))


_MEASURED: WeakKeyDictionary[Predictions, dict[Any, tuple[Array, FloatArray]]]
_MEASURED = WeakKeyDictionary()
"""Average precisions of predictions, which several metrics of a table have in common."""


@dataclass(frozen=True)
class _Precisions:
    """Average precision of each class, at each of some overlaps.

    Attributes:
        classes: how many there are.
        overlaps: the least IoU of a hit; the precisions are their mean.
    """

    classes: int
    overlaps: tuple[float, ...]

    def by_class(self, predictions: Predictions, y: Array) -> FloatArray:
        """``[c]``; NaN where no box of the class is among the targets."""
        kept = _MEASURED.setdefault(predictions, {})
        key = (self.classes, self.overlaps)
        if key not in kept or kept[key][0] is not y:
            rows = predictions.field(_OUTPUT).double().cpu().numpy()
            kept[key] = (y, average_precisions(rows, y, self.classes, self.overlaps))
        return kept[key][1]


@dataclass(frozen=True)
class _Mean(_Precisions):
    """The mean over classes of average precision."""

    def __call__(self, predictions: Predictions, y: Array) -> float | None:
        """None without rows, or where no image has a box."""
        found = self.by_class(predictions, y) if len(y) else np.empty(0)
        there = found[~np.isnan(found)]
        return float(there.mean()) if len(there) else None


@dataclass(frozen=True)
class _OfClass(_Precisions):
    """The average precision of one class.

    Attributes:
        number: of the class.
    """

    number: int

    def __call__(self, predictions: Predictions, y: Array) -> float | None:
        """None where no image has a box of the class."""
        found = float(self.by_class(predictions, y)[self.number]) if len(y) else np.nan
        return None if np.isnan(found) else found


def _predicted(predictions: Predictions) -> Array:
    """`Boxes` for each image: the detections whose score is above 0.5."""
    rows = predictions.field(_OUTPUT).double().cpu().numpy()
    found = np.empty(len(rows), dtype=object)
    found[:] = [detected(each, PREDICTED_ABOVE) for each in rows]
    return found
