"""Semantic segmentation: a class for every pixel of an image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from uwe._types import FloatArray, IntArray, is_integral
from uwe.errors import InputError
from uwe.tasks._names import named
from uwe.tasks._task import Array, Metric, Task
from uwe.tasks.masks import Mask, Masks, Pixels, ReadMask
from uwe.tasks.place_outputs import (
    PLACE_OUTPUTS,
    no_loss,
    place_gradient,
    place_measures,
    weighted_places,
)

if TYPE_CHECKING:
    from uwe.predictions import Predictions

__all__ = [
    "class_metric_name",
    "class_overlaps",
    "confusion",
    "mean_overlap",
    "pixel_accuracy",
    "segmentation",
]

_OUTPUT = "predicted"
_MOST_CLASSES = 256  # numbers that a pixel of 8 bits can hold


def segmentation(
    classes: Sequence[str] | int = (),
    *,
    ignore: int | None = None,
    read: ReadMask | None = None,
) -> Task:
    """A class for each pixel: mean IoU, pixel accuracy.

    Args:
        classes: their names, or how many there are.
        ignore: the value of pixels that count nowhere, 0 to 255.
        read: gives the pixels of a mask that is in a file, uint8 ``[h, w]``.

    Raises:
        InputError: there are more than 256 classes, or ``ignore`` is no number of 8 bits.

    >>> task = segmentation(["sky", "road"], ignore=255)
    >>> [metric.name for metric in task.metrics]
    ['miou', 'pixel_accuracy', 'iou_0_sky', 'iou_1_road']
    """
    names = named(classes)
    if len(names) > _MOST_CLASSES:
        raise InputError(f"{len(names)} classes; masks of 8 bits hold at most {_MOST_CLASSES}")
    if ignore is not None and (not is_integral(ignore) or not 0 <= ignore < _MOST_CLASSES):
        raise InputError(
            f"ignore must be a whole number from 0 to {_MOST_CLASSES - 1}, the value of pixels "
            f"that count nowhere, not {ignore!r}"
        )
    targets = Masks(names, None if ignore is None else int(ignore), read)
    return Task(
        name="segmentation",
        classes=names,
        targets=targets,
        outputs={_OUTPUT: "n h w", **PLACE_OUTPUTS},
        metrics=(
            Metric("miou", "mean IoU", _Of(mean_overlap, targets)),
            Metric("pixel_accuracy", "pixel accuracy", _Of(pixel_accuracy, targets)),
            *_class_metrics(targets),
        ),
        measures=dict(place_measures()),
        mean_loss=no_loss,
        predicted=_predicted,
        gradient=place_gradient,
        weighted=weighted_places,
        widget="mask",
        options={} if ignore is None else {"ignore": int(ignore)},
    )


def class_metric_name(measure: str, number: int, name: str) -> str:
    """The name of a metric of one class, such as a column may have.

    >>> class_metric_name("iou", 3, "Traffic light!"), class_metric_name("iou", 3, "3")
    ('iou_3_traffic_light', 'iou_3')
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return f"{measure}_{number}" + (f"_{plain}" if plain and plain != str(number) else "")


def confusion(
    predicted: Pixels, truth: Iterable[Pixels], classes: int, ignore: int | None = None
) -> IntArray:
    """How many pixels of each class are predicted as each class, int64 ``[c, c + 1]``.

    The last column counts predicted numbers that are no class: those beyond the classes, and
    ``ignore``, which no pixel that counts can have, even if it is the number of a class.

    Args:
        predicted: class numbers ``[n, h, w]``.
        truth: class numbers of each image ``[h, w]``.
        classes: how many there are.
        ignore: the value of pixels of ``truth`` that are not counted.

    Raises:
        InputError: the sizes disagree, or a pixel of ``truth`` is beyond the classes.

    >>> truth = [np.array([[0, 0], [1, 9]], dtype=np.uint8)]
    >>> confusion(np.array([[[0, 1], [1, 1]]], dtype=np.uint8), truth, 2, ignore=9).tolist()
    [[1, 1, 0], [0, 1, 0]]
    """
    counts = np.zeros((classes, classes + 1), dtype=np.int64)
    for row, (said, of) in enumerate(zip(predicted, truth, strict=True)):
        if said.shape != of.shape:
            raise InputError(
                f"the prediction for image {row} is {said.shape[1]}x{said.shape[0]}, but its mask "
                f"{of.shape[1]}x{of.shape[0]}; predict masks of the images' size"
            )
        counts += _counted(said, of, classes, ignore)
    return counts


def class_overlaps(counts: IntArray) -> FloatArray:
    """Intersection over union of each class; NaN where a class is neither true nor predicted.

    Formula: ``IoU_c = TP_c / (TP_c + FP_c + FN_c)``.

    Args:
        counts: of `confusion`.

    >>> class_overlaps(np.array([[1, 1, 0], [0, 1, 0]])).tolist()
    [0.5, 0.5]
    """
    hit = counts.diagonal().astype(np.float64)
    either = counts.sum(1) + counts[:, :-1].sum(0) - hit
    with np.errstate(invalid="ignore"):
        overlaps: FloatArray = hit / either
    return overlaps


def mean_overlap(counts: IntArray) -> float | None:
    """Mean IoU over the classes that are true or predicted somewhere; None without such a class.

    >>> mean_overlap(np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]))
    0.5
    """
    overlaps = class_overlaps(counts)
    there = overlaps[~np.isnan(overlaps)]
    return float(there.mean()) if len(there) else None


def pixel_accuracy(counts: IntArray) -> float | None:
    """Share of pixels whose class is predicted; None without pixels.

    >>> round(pixel_accuracy(np.array([[1, 1, 0], [0, 1, 0]])), 4)
    0.6667
    """
    total = int(counts.sum())
    return float(counts.trace()) / total if total else None


def _counted(said: Pixels, truth: Pixels, classes: int, ignore: int | None) -> IntArray:
    kept = np.ones(truth.shape, np.bool_) if ignore is None else truth != ignore
    true, guessed = truth[kept].astype(np.int64), said[kept].astype(np.int64)
    if true.size and true.max() >= classes:
        raise InputError(
            f"a mask has the class {true.max()}, but there are {classes} classes "
            f"(0 to {classes - 1}); --ignore names the value of pixels that count nowhere"
        )
    if ignore is not None:
        guessed[guessed == ignore] = classes
    pairs = true * (classes + 1) + np.minimum(guessed, classes)
    return np.bincount(pairs, minlength=classes * (classes + 1)).reshape(classes, -1)


def _overlap_of(number: int, counts: IntArray) -> float | None:
    overlap = float(class_overlaps(counts)[number])
    return None if np.isnan(overlap) else overlap


def _class_metrics(targets: Masks) -> list[Metric]:
    return [
        Metric(
            class_metric_name("iou", number, name),
            f"IoU of {name}",
            _Of(partial(_overlap_of, number), targets),
        )
        for number, name in enumerate(targets.names)
    ]


_COUNTED: WeakKeyDictionary[Predictions, tuple[Array, Masks, IntArray]] = WeakKeyDictionary()
"""The counts of predictions, which all metrics of a table have in common."""


@dataclass(frozen=True)
class _Of:
    """A metric of counts as one of predictions."""

    metric: Any
    targets: Masks

    def __call__(self, predictions: Predictions, y: Array) -> float | None:
        found: float | None = self.metric(self._counts(predictions, y)) if len(y) else None
        return found

    def _counts(self, predictions: Predictions, y: Array) -> IntArray:
        kept, targets = _COUNTED.get(predictions), self.targets
        if kept is not None and kept[0] is y and kept[1] is targets:
            return kept[2]
        said = predictions.field(_OUTPUT).cpu().numpy()
        truth = (targets.read([each])[0] for each in y)
        counts = confusion(said, truth, len(targets.names), targets.ignore)
        _COUNTED[predictions] = (y, targets, counts)
        return counts


def _predicted(predictions: Predictions) -> Array:
    """A `Mask` for each image, its pixels in memory."""
    said = predictions.field(_OUTPUT).cpu().numpy()
    found = np.empty(len(said), dtype=object)
    found[:] = [Mask.of(pixels) for pixels in said]
    return found
