"""A temperature that makes a model as sure of unlabelled rows as it can be expected to be right.

A query cannot train the model again, so the labelled rows, which the model was fitted to, cannot
say how sure it should be. What is held back from the model is the unlabelled rows: on them its
mean confidence is made equal to an accuracy that the labelled rows suggest, that of their nearest
labelled neighbours, each row left out in turn. With few labels that accuracy is near chance, the
logits become flat, and all rows weigh alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from uwe._types import Rows
from uwe.errors import InputError
from uwe.strategies._question import Question
from uwe.strategies.agreement import nearest_others
from uwe.strategies.radius import few

if TYPE_CHECKING:
    import torch

    from uwe.points import Points

__all__ = ["Temperature", "fitted_temperature"]

_MOST = 4_096  # rows that are looked at, labelled or not
_COLDEST, _HOTTEST = 0.01, 100.0
_STEPS = 40
_CLASSES = 2


@dataclass(frozen=True)
class Temperature:
    """What logits are divided by, and where it comes from.

    Attributes:
        value: above 0.
        rule: in words.
    """

    value: float
    rule: str

    @property
    def facts(self) -> dict[str, Any]:
        """As `Picks` carry it."""
        return {"temperature": self.value, "temperature_rule": self.rule}


def fitted_temperature(points: Points, question: Question) -> Temperature:
    """The temperature at which the mean confidence on the candidates is the expected accuracy.

    Formula: T with ``mean_i max_c softmax(z_i / T)_c = (a + 1) / (m + C)``, i over the candidates;
    of m labelled rows, a have the label of their nearest labelled neighbour, the lower one of
    equally near ones; C classes. T is from 0.01 to 100.

    Args:
        points: all rows of the pool, in which neighbours are near.
        question: with logits, and the labels of the labelled rows.

    Raises:
        InputError: the labels are not known, or what is learnt is not one class a row.

    Source: of this package. The temperature as a calibration, Guo, Pleiss, Sun, Weinberger (2017),
    On calibration of modern neural networks; its place in a query, Bae et al. (2025), Uncertainty
    herding, which fits it by training the model again on parts of the labels.
    """
    classes = _require_classes(question)
    rows, labels = _labels(question)
    if len(rows) < _CLASSES:
        return Temperature(_HOTTEST, f"fitted to chance, {len(rows)} labels being too few")
    agreed = int((labels[nearest_others(points.take(rows))] == labels).sum())
    accuracy = (agreed + 1) / (len(rows) + classes)
    among = few(question.candidates, _MOST, question.seed)
    value = _matching(question.predictions.logits[among].double().cpu(), accuracy)
    return Temperature(
        float(f"{value:.4g}"),
        f"fitted to an accuracy of {accuracy:.2f} ({agreed} of {len(rows)} labelled rows agree "
        "with their nearest labelled neighbour)",
    )


def _require_classes(question: Question) -> int:
    if question.task is not None and "logits" not in question.task.outputs:
        raise InputError(
            f"temperature 'fit' needs one class a row, and the task is {question.task.name}; give "
            "a number"
        )
    if not question.has_labels:
        raise InputError(
            "temperature 'fit' needs the labels of the labelled rows, and only their numbers are "
            "known; give the labels, or a number"
        )
    return int(question.predictions.logits.shape[1])


def _labels(question: Question) -> tuple[Rows, np.ndarray[Any, Any]]:
    """Labelled rows, rising, with their labels; rows without a known label are left out."""
    pool = question.pool
    known = [
        (row, value)
        for row, value in zip(pool.labelled.tolist(), pool.values, strict=True)
        if value is not None
    ]
    rows = few(np.array([row for row, _ in known], dtype=np.int64), _MOST, question.seed)
    by_row = dict(known)
    _, labels = np.unique([str(by_row[row]) for row in rows.tolist()], return_inverse=True)
    return rows, labels


def _matching(logits: torch.Tensor, confidence: float) -> float:
    """The temperature at which rows are that sure in the mean, by bisection of its logarithm."""
    low, high = np.log(_COLDEST), np.log(_HOTTEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        sure = float((logits / float(np.exp(middle))).softmax(1).amax(1).mean())
        low, high = (middle, high) if sure > confidence else (low, middle)
    return float(np.exp(high))
