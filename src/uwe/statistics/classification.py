"""What logits say beside accuracy: balance over classes, and whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uwe._arrays import rows_at_once
from uwe._types import FloatArray
from uwe.errors import InputError

__all__ = ["BINS", "Measures", "class_f1", "measure"]


BINS = 15
"""Bins of the calibration error, equally wide."""


@dataclass(frozen=True)
class Measures:
    """Measurements of a model on n rows of c classes, all in 0..1.

    Attributes:
        accuracy: share of rows predicted right.
        balanced_accuracy: mean of ``recall`` over the classes that have rows.
        macro_f1: mean F1 over the classes that have rows or are predicted.
        calibration_error: expected calibration error of the predicted class's probability.
        recall: accuracy of each class, float64 ``[c]``; NaN for a class without rows.
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    calibration_error: float
    recall: FloatArray


def measure(logits: npt.ArrayLike, y: npt.ArrayLike) -> Measures:
    """Accuracy, balanced accuracy, macro F1, calibration error and recall of each class.

    Formulas: recall_k = TP_k / n_k; F1_k = 2 TP_k / (2 TP_k + FP_k + FN_k), the mean over classes
    with rows or predictions; calibration error = sum over 15 bins of equal width of the share of
    rows in the bin times |accuracy - mean probability| there, bins open below and closed above.

    Args:
        logits: ``[n, c]``, before the softmax.
        y: true classes, ``[n]``.

    Raises:
        InputError: the shapes disagree, there is no row, a logit is no number, or a class is none
            of c.

    Source: Guo et al. (2017), On calibration of modern neural networks, for the calibration error.

    >>> found = measure([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0]], [0, 1, 1])
    >>> round(found.accuracy, 3), found.balanced_accuracy, found.recall.tolist()
    (0.667, 0.75, [1.0, 0.5])
    """
    z, truth = np.asarray(logits, dtype=np.float64), np.asarray(y, dtype=np.int64)
    _check(z, truth)
    c = z.shape[1]
    predicted = z.argmax(1)
    right, rows, said = (
        np.bincount(of, minlength=c) for of in (truth[truth == predicted], truth, predicted)
    )
    recall = np.where(rows > 0, right / np.maximum(rows, 1), np.nan)
    f1 = 2 * right / np.maximum(rows + said, 1)
    return Measures(
        accuracy=float(right.sum() / len(truth)),
        balanced_accuracy=float(np.nanmean(recall)),
        macro_f1=float(f1[rows + said > 0].mean()),
        calibration_error=_calibration_error(z, predicted == truth),
        recall=recall,
    )


def class_f1(predicted: npt.ArrayLike, y: npt.ArrayLike) -> FloatArray:
    """F1 of each class of a multi-label problem, float64 ``[c]``.

    Formula: F1_k = 2 TP_k / (2 TP_k + FP_k + FN_k); NaN for a class that applies to no row and is
    never predicted.

    Args:
        predicted: flags ``[n, c]``.
        y: flags ``[n, c]``.

    Raises:
        InputError: the shapes disagree.

    >>> class_f1([[1, 0, 0], [1, 1, 0]], [[1, 0, 0], [0, 1, 0]]).round(3).tolist()
    [0.667, 1.0, nan]
    """
    said, true = np.asarray(predicted) > 0, np.asarray(y) > 0
    if said.ndim != 2 or said.shape != true.shape:
        raise InputError(f"flags of shape {said.shape}, but labels of shape {true.shape}")
    total = said.sum(0) + true.sum(0)
    hits = 2 * (said & true).sum(0)
    f1: FloatArray = np.where(total > 0, hits / np.maximum(total, 1), np.nan)
    return f1


def _few(numbers: FloatArray) -> str:
    shown = ", ".join(f"{number:.6g}" for number in numbers[:_SHOWN].tolist())
    return f"[{shown}{', …' if len(numbers) > _SHOWN else ''}]"


_SHOWN = 8


def _check(z: FloatArray, truth: npt.NDArray[np.int64]) -> None:
    if z.ndim != 2 or truth.shape != z.shape[:1] or not len(truth):
        raise InputError(f"logits of shape {z.shape}, but classes of shape {truth.shape}")
    if not np.isfinite(z).all():
        row = int(np.flatnonzero(~np.isfinite(z).all(1))[0])
        raise InputError(f"the logits of row {row} are not finite: {_few(z[row])}")
    if truth.min() < 0 or truth.max() >= z.shape[1]:
        raise InputError(
            f"classes run from {truth.min()} to {truth.max()}; logits have {z.shape[1]}"
        )


def _calibration_error(z: FloatArray, right: npt.NDArray[np.bool_]) -> float:
    block = rows_at_once(z.shape[1])
    parts = (z[start : start + block] for start in range(0, len(z), block))
    confidence = np.concatenate(
        [1 / np.exp(part - part.max(1, keepdims=True)).sum(1) for part in parts]
    )
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(z))
