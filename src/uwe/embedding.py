"""What the distances between rows are taken on: Predictions -> Points.

Each embedding takes the predictions of all rows and the candidates among them. What has to be
fitted is fitted on the candidates alone, and clipped elsewhere. torch is imported when an embedding
is computed, so that strategies can be composed without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from uwe._arrays import rows_at_once
from uwe._types import Rows, Scores
from uwe.errors import InputError
from uwe.uncertainty import measured

if TYPE_CHECKING:
    import torch

    from uwe.points import Points
    from uwe.predictions import Predictions

__all__ = ["Embedding", "Weighted", "binary_gradient", "features", "gradient", "weighted"]

_MULTIPLIED_OUT = 2**27  # numbers, at most: half a gigabyte in float32
_BYTES = 4  # of a float32; shorter numbers would round the product

Embedding: TypeAlias = "Callable[[Predictions, Rows], Points]"


def features(predictions: Predictions, candidates: Rows) -> Points:  # noqa: ARG001 (an Embedding)
    """The network's features as they are, ``[n, d]``.

    Source: Sener, Savarese (2018), Active learning for convolutional neural networks: a core-set
    approach.
    """
    from uwe.points import Dense

    return Dense(predictions.field("features"))


def gradient(predictions: Predictions, candidates: Rows) -> Points:  # noqa: ARG001 (an Embedding)
    """Gradient of the loss by the classifier's weights, were the predicted class the true one.

    Formula: ``(p - onehot(argmax p)) ⊗ features``, ``[n, c·d]`` in factors ``[n, c]``, ``[n, d]``.

    Source: Ash, Zhang, Krishnamurthy, Langford, Agarwal (2020), Deep batch active learning by
    diverse, uncertain gradient lower bounds.
    """
    import torch

    from uwe.points import Product

    logits = predictions.logits
    residual = torch.empty_like(logits, memory_format=torch.contiguous_format)
    rows = rows_at_once(logits.shape[1])
    for start in range(0, len(logits), rows):
        residual[start : start + rows] = _residual(logits[start : start + rows])
    return Product(residual, predictions.field("features"))


def _residual(logits: torch.Tensor) -> torch.Tensor:
    """``p - onehot(argmax p)``, which sums to 0."""
    import torch

    shifted = logits - logits.amax(1, keepdim=True)
    residual = shifted.softmax(1)
    at = torch.arange(len(residual), device=residual.device)
    best = shifted.argmax(1)
    residual[at, best] = 0.0
    residual[at, best] = -residual.sum(1)
    return residual


def binary_gradient(predictions: Predictions, candidates: Rows) -> Points:  # noqa: ARG001 (an Embedding)
    """Gradient of the binary cross-entropy by the last layer's weights, at the predicted labels.

    Formula: ``(p - [p > 1/2]) ⊗ features`` with ``p = sigmoid(z)``, ``[n, c·d]`` in factors.

    Source: as `gradient`; with a sigmoid for each label on its own.
    """
    import torch

    from uwe.points import Product

    logits = predictions.field("binary_logits")
    error = (-logits.abs()).sigmoid()  # 1 - p where p > 1/2, otherwise p
    return Product(torch.where(logits > 0, -error, error), predictions.field("features"))


@dataclass(frozen=True)
class Weighted:
    """The features of each row times its uncertainty; made by `weighted`."""

    measure: Callable[[Predictions], Scores]

    def __call__(self, predictions: Predictions, candidates: Rows) -> Points:
        """The points of all rows; the weights are fitted on the candidates."""
        from uwe.points import Dense, Product

        given = predictions.field("features")
        weights = _scaled(measured(self.measure, predictions), candidates).to(given.device)[:, None]
        if given.numel() > _MULTIPLIED_OUT or given.element_size() < _BYTES:
            return Product(weights, given)
        return Dense(weights.to(given.dtype) * given)


def weighted(measure: Callable[[Predictions], Scores]) -> Weighted:
    """The uncertainty-weighted embedding of UWE.

    Formula: ``w_i · features_i`` with ``w = (u - min u) / (max u - min u)``, minimum and maximum
    over the candidates; every weight is one where all candidates are equally uncertain. What is
    too large, or too short a type, to be multiplied out stays a product of two factors.

    Args:
        measure: gives the uncertainty u of each row.

    Source: He, Cai, Liao, Foo (2024), Hybrid active learning with uncertainty-weighted embeddings.
    """
    return Weighted(measure)


def _scaled(scores: Scores, candidates: Rows) -> Scores:
    import torch

    fitted = scores[torch.as_tensor(candidates, device=scores.device)]
    broken = (~fitted.isfinite()).nonzero()
    if len(broken):
        row = candidates[int(broken[0, 0])]
        raise InputError(
            f"the uncertainty of row {row} is NaN or infinite; nothing can be weighted"
        )
    low, high = fitted.min(), fitted.max()
    if high <= low:
        return torch.ones_like(scores)
    return ((scores - low) / (high - low)).clamp(0, 1)
