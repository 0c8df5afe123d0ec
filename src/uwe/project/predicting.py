"""What the last model of a project says of every row, as people write labels.

This module loads torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from uwe.predictions import Predictions
from uwe.tasks import Task

__all__ = ["Predicted", "predicted_by"]

_AT_ONCE = 2**16  # rows that are converted to float64 at once


@dataclass(frozen=True)
class Predicted:
    """The most probable label of each row.

    Attributes:
        labels: as people write them: a name, names, or a number.
        confidence: the probability of the class; of several classes that of the least sure
            decision; None for numbers.
        trained_on: labels that the model learnt from.
    """

    labels: list[Any]
    confidence: list[float] | None
    trained_on: int


def predicted_by(predictions: Predictions, task: Task, *, trained_on: int) -> Predicted:
    """Labels and confidence of the rows of some predictions.

    Args:
        predictions: outputs of n rows.
        task: what was learnt.
        trained_on: labels that the model learnt from.

    >>> from uwe.tasks import classification
    >>> logits = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    >>> found = predicted_by(Predictions(logits), classification(["crow", "rook"]),
    ...                      trained_on=4)
    >>> found.labels, [round(each, 2) for each in found.confidence]
    (['rook', 'crow'], [0.88, 0.73])
    """
    targets = task.targets
    values = targets.values(task.predicted(predictions))
    name = next(iter(task.outputs))
    sure = _CONFIDENCE.get(name)
    output = predictions.field(name) if sure is not None else torch.zeros(0)
    return Predicted(
        [targets.decode(value) for value in values],
        None if sure is None else _in_parts(sure, output),
        trained_on,
    )


def _in_parts(sure: Callable[[torch.Tensor], torch.Tensor], output: torch.Tensor) -> list[float]:
    parts = (output[at : at + _AT_ONCE].double() for at in range(0, len(output), _AT_ONCE))
    return [each for part in parts for each in sure(part).tolist()]


def _of_one_class(logits: torch.Tensor) -> torch.Tensor:
    return logits.softmax(1).amax(1)


def _of_several_classes(logits: torch.Tensor) -> torch.Tensor:
    return logits.abs().sigmoid().amin(1)


_CONFIDENCE: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "logits": _of_one_class,
    "binary_logits": _of_several_classes,
}
"""By the name of a task's first output."""
