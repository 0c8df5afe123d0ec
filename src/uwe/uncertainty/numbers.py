"""How unsure a model is of a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uwe._types import Scores
from uwe.errors import InputError

if TYPE_CHECKING:
    from uwe.predictions import Predictions

__all__ = [
    "spread_of_means",
    "standard_deviation",
]


def standard_deviation(predictions: Predictions) -> Scores:
    """Standard deviation of the predicted number, in the target's unit.

    Formula: ``√variance``.

    Raises:
        InputError: the predictions hold no variance, or one is negative.

    Source: as a query, MacKay (1992), Information-based objective functions for active data
    selection.

    >>> import torch
    >>> from uwe import Predictions
    >>> outputs = {"mean": torch.zeros(2), "variance": torch.tensor([4.0, 0.25])}
    >>> standard_deviation(Predictions(outputs=outputs))
    tensor([2.0000, 0.5000], dtype=torch.float64)
    """
    if "variance" not in predictions.outputs:
        raise InputError(
            "the predictions hold no variance, so the uncertainty of a number is not known; use a "
            "model that gives one (a forest, a Gaussian process, an ensemble), or a strategy that "
            "needs none, such as coreset"
        )
    variance = predictions.outputs["variance"].double()
    wrong = (variance < 0).nonzero()
    if len(wrong):
        row = int(wrong[0, 0])
        raise InputError(f"the variance of row {row} is {float(variance[row]):.6g}, below 0")
    return variance.sqrt()


def spread_of_means(predictions: Predictions) -> Scores:
    """What stochastic passes disagree on about a number: the deviation of their means.

    Formula: ``√(1/t Σ_t (m_t - m̄)²)``, in the target's unit.

    Raises:
        InputError: the predictions hold no passes.

    Source: Seung, Opper, Sompolinsky (1992), Query by committee; for numbers, RayChaudhuri, Hamey
    (1995), Minimisation of data collection by active learning.

    >>> import torch
    >>> from uwe import Predictions
    >>> spread_of_means(Predictions(passes={"mean": torch.tensor([[1.0], [3.0]])}))
    tensor([1.], dtype=torch.float64)
    """
    return predictions.field("mc_mean").double().std(0, correction=0)
