"""The interface of a measure."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from uwe._types import Scores
from uwe.errors import InputError, from_own

if TYPE_CHECKING:
    from uwe.predictions import Predictions

__all__ = [
    "Measure",
    "measured",
]


class Measure(Protocol):
    """The uncertainty of each row, float64 ``[n]``; any function of `Predictions` is one."""

    def __call__(self, predictions: Predictions, /) -> Scores:
        """The uncertainty of every row that the predictions hold."""
        ...


def measured(measure: Measure, predictions: Predictions) -> Scores:
    """What a measure gives, looked at: one number for each row.

    Raises:
        InputError: it gives something else.
        RunError: a measure that is not of uwe raises an error that is not of `uwe.errors`.

    >>> import torch
    >>> from uwe import Predictions
    >>> measured(lambda said: [0.5, 1.0], Predictions(torch.zeros(2, 2), torch.zeros(2, 1)))
    tensor([0.5000, 1.0000])
    """
    import torch

    name = getattr(measure, "__name__", type(measure).__name__).strip("<>")
    with from_own(measure, f"the uncertainty {name}"):
        given: Any = measure(predictions)
    n, scores = len(predictions), None
    with suppress(TypeError, ValueError, RuntimeError):
        scores = torch.as_tensor(given)
    if scores is None or scores.is_complex() or scores.shape != (n,):
        shape = None if scores is None or scores.is_complex() else tuple(scores.shape)
        it_gave = f"an object of type {type(given).__name__}"
        raise InputError(
            f"the uncertainty {name} must give one number for each of {n} rows; it gave "
            + (it_gave if shape is None else f"an array of shape {shape}")
        )
    return scores
