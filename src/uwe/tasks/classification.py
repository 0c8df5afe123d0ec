"""Single-label classification: one class a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from uwe import embedding, uncertainty
from uwe._types import Labels, Logits
from uwe.tasks._names import named
from uwe.tasks._task import Array, Metric, Task
from uwe.tasks.targets import Classes

if TYPE_CHECKING:
    import torch

    from uwe.predictions import Predictions

__all__ = ["accuracy", "classification", "mean_cross_entropy", "training_loss"]


def classification(classes: Sequence[str] | int = ()) -> Task:
    """One class a row: softmax, cross-entropy, accuracy.

    Args:
        classes: their names, or how many there are.

    >>> classification(2).classes
    ('0', '1')
    """
    names = named(classes)
    return Task(
        name="classification",
        classes=names,
        targets=Classes(names),
        outputs={"logits": "n c"},
        metrics=(Metric("accuracy", "accuracy", _accuracy),),
        measures=uncertainty.MEASURES,
        mean_loss=_mean_loss,
        predicted=_predicted,
        disagreement=uncertainty.mutual_information,
        loss=training_loss,
        gradient=embedding.gradient,
        widget="choice",
    )


def training_loss(logits: Logits, labels: torch.Tensor, *, smoothing: float = 0.0) -> torch.Tensor:
    """Mean cross-entropy of a batch, a scalar to differentiate; the softmax is in float32.

    Args:
        logits: ``[b, c]``.
        labels: class numbers ``[b]``.
        smoothing: share of each label that is spread over all classes.
    """
    from torch.nn import functional

    return functional.cross_entropy(logits.float(), labels, label_smoothing=smoothing)


_AT_ONCE = 2**24  # logits that are converted to float64 at once


def mean_cross_entropy(logits: Logits, y: Labels) -> float | None:
    """Mean cross-entropy in float64; None without rows.

    >>> import torch
    >>> round(mean_cross_entropy(torch.tensor([[0.0, 0.0]]), np.array([1])), 4)
    0.6931
    """
    import torch
    from torch.nn import functional

    if not len(y):
        return None
    labels = torch.from_numpy(np.array(y))
    rows = max(1, _AT_ONCE // logits.shape[1])
    if len(logits) <= rows:
        return float(functional.cross_entropy(logits.double(), labels))
    parts = zip(logits.split(rows), labels.split(rows), strict=True)  # type: ignore[no-untyped-call]
    sums = (functional.cross_entropy(z.double(), of, reduction="sum") for z, of in parts)
    return float(sum(sums)) / len(labels)


def accuracy(logits: Logits, y: Labels) -> float | None:
    """Share of rows whose largest logit belongs to their label; None without rows.

    >>> import torch
    >>> accuracy(torch.tensor([[0.0, 1.0], [2.0, 0.0]]), np.array([1, 1]))
    0.5
    """
    if not len(y):
        return None
    return float(np.mean(logits.argmax(1).cpu().numpy() == y))


def _accuracy(predictions: Predictions, y: Array) -> float | None:
    return accuracy(predictions.logits, y)


def _mean_loss(predictions: Predictions, y: Array) -> float | None:
    return mean_cross_entropy(predictions.logits, y)


def _predicted(predictions: Predictions) -> Array:
    return predictions.predicted()
