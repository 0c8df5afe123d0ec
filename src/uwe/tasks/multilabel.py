"""Multi-label classification: any number of classes a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from uwe import embedding, uncertainty
from uwe._types import FloatArray, Scores
from uwe.errors import require_known
from uwe.tasks._names import named
from uwe.tasks._task import Array, Metric, Task
from uwe.tasks.targets import Flags
from uwe.uncertainty import REDUCTIONS, Measure

if TYPE_CHECKING:
    import torch

    from uwe.predictions import Predictions

__all__ = [
    "macro_f1",
    "mean_average_precision",
    "mean_binary_cross_entropy",
    "micro_f1",
    "multilabel",
]

_OUTPUT = "binary_logits"


def multilabel(
    classes: Sequence[str] | int = (), *, reduce: Literal["mean", "max", "sum"] = "mean"
) -> Task:
    """Any number of classes a row: a sigmoid and a binary cross-entropy for each class.

    Args:
        classes: their names, or how many there are.
        reduce: how the uncertainties of the classes become one for the row: mean, max or sum.

    Raises:
        InputError: the reduction is unknown.

    >>> multilabel(["beach", "sea"]).headline.label
    'micro F1'
    """
    names = named(classes)
    require_known(reduce, REDUCTIONS, "reduction")
    measures: dict[str, Measure] = {
        "entropy": Reduced(uncertainty.binary_entropy, reduce),
        "bvsb": Reduced(uncertainty.binary_bvsb, reduce),
        "least_confident": Reduced(uncertainty.binary_least_confident, reduce),
        "margin": Reduced(uncertainty.binary_margin, reduce),
    }
    return Task(
        name="multilabel",
        classes=names,
        targets=Flags(names),
        outputs={_OUTPUT: "n c"},
        metrics=(
            Metric("micro_f1", "micro F1", _of(micro_f1)),
            Metric("macro_f1", "macro F1", _of(macro_f1)),
            Metric("map", "mean average precision", _of(mean_average_precision)),
        ),
        measures=measures,
        mean_loss=_of(mean_binary_cross_entropy),
        predicted=_predicted,
        disagreement=Reduced(uncertainty.binary_mutual_information, reduce),
        loss=_training_loss,
        gradient=embedding.binary_gradient,
        widget="choices",
        options={"reduce": reduce},
    )


@dataclass(frozen=True)
class Reduced:
    """A measure for each label, and how it is reduced over the labels.

    Attributes:
        by_label: the measure.
        reduce: ``mean``, ``max`` or ``sum``.
    """

    by_label: Any
    reduce: str

    @property
    def __name__(self) -> str:
        """The name of the measure for each label."""
        return str(self.by_label.__name__)

    def __call__(self, predictions: Predictions, /) -> Scores:
        """The uncertainty of each row, float64 ``[n]``."""
        scores: Scores = self.by_label(predictions, reduce=self.reduce)
        return scores


def micro_f1(logits: torch.Tensor, y: Array) -> float | None:
    """F1 of all decisions together; None without rows.

    Formula: ``2 TP / (2 TP + FP + FN)`` over rows and labels; 0 where the denominator is 0. A
    label is predicted where its logit is above 0, that is, its probability is above 1/2.

    Args:
        logits: ``[n, c]``, before a sigmoid.
        y: flags ``[n, c]``.

    >>> import torch
    >>> micro_f1(torch.tensor([[1.0, -1.0], [1.0, 1.0]]), np.array([[1, 0], [0, 1]]))
    0.8
    """
    if not len(y):
        return None
    hit, said, true = (each.sum() for each in _counts(logits, y))
    return float(2 * hit / (said + true)) if said + true else 0.0


def macro_f1(logits: torch.Tensor, y: Array) -> float | None:
    """Mean of each label's F1, over the labels that apply to a row or are predicted.

    Formula: ``F1_c = 2 TP_c / (2 TP_c + FP_c + FN_c)``; None where there is no such label.

    Args:
        logits: ``[n, c]``, before a sigmoid.
        y: flags ``[n, c]``.

    >>> import torch
    >>> round(macro_f1(torch.tensor([[1.0, -1.0], [1.0, 1.0]]), np.array([[1, 0], [0, 1]])), 4)
    0.8333
    """
    hit, said, true = _counts(logits, y)
    there = said + true > 0
    return float((2 * hit[there] / (said + true)[there]).mean()) if there.any() else None


def mean_average_precision(logits: torch.Tensor, y: Array) -> float | None:
    """Mean over labels of the average precision of the rows ranked by the label's logit.

    Formula: ``AP = Σ_k (R_k - R_{k-1}) P_k`` over the distinct logits from the highest; labels
    that apply to no row are left out; None where there is no other.

    Args:
        logits: ``[n, c]``, before a sigmoid.
        y: flags ``[n, c]``.

    Source: as scikit-learn's ``average_precision_score``.

    >>> import torch
    >>> mean_average_precision(torch.tensor([[3.0], [2.0], [1.0]]), np.array([[0], [1], [0]]))
    0.5
    """
    scores = logits.double().cpu().numpy()
    found = [
        _average_precision(scores[:, column], np.asarray(y[:, column]))
        for column in range(y.shape[1])
        if y[:, column].any()
    ]
    return float(np.mean(found)) if found else None


def mean_binary_cross_entropy(logits: torch.Tensor, y: Array) -> float | None:
    """Mean binary cross-entropy over rows and labels in float64; None without rows.

    >>> import torch
    >>> round(mean_binary_cross_entropy(torch.zeros(1, 2), np.array([[1, 0]])), 4)
    0.6931
    """
    import torch
    from torch.nn import functional

    if not len(y):
        return None
    flags = torch.from_numpy(np.asarray(y, dtype=np.float64))
    return float(functional.binary_cross_entropy_with_logits(logits.double(), flags))


def _average_precision(scores: FloatArray, y: Array) -> float:
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(y[order] > 0)
    last = np.append(np.diff(scores[order]) != 0, True)  # the last row of each distinct score
    precision, recall = hits[last] / (np.flatnonzero(last) + 1), hits[last] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _counts(logits: torch.Tensor, y: Array) -> tuple[FloatArray, FloatArray, FloatArray]:
    """For each label: rows predicted right, rows predicted, rows to which it applies."""
    said = (logits > 0).cpu().numpy()
    true = np.asarray(y) > 0
    return tuple(np.float64(each.sum(0)) for each in (said & true, said, true))  # type: ignore[return-value]


def _training_loss(
    logits: torch.Tensor, labels: torch.Tensor, *, smoothing: float = 0.0
) -> torch.Tensor:
    """Mean binary cross-entropy of a batch; smoothing moves each flag towards 1/2."""
    from torch.nn import functional

    flags = labels.float() * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(logits.float(), flags)


def _predicted(predictions: Predictions) -> Array:
    flags: Array = (predictions.field(_OUTPUT) > 0).cpu().numpy().astype(np.int8)
    return flags


def _apply(metric: Any, predictions: Predictions, y: Array) -> float | None:
    found: float | None = metric(predictions.field(_OUTPUT), y)
    return found


def _of(metric: Any) -> Any:
    """A metric of logits as one of predictions."""
    return partial(_apply, metric)
