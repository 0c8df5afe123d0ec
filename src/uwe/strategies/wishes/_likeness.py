"""How similar rows are to examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from uwe._arrays import rows_at_once
from uwe._types import FloatArray, Rows
from uwe.strategies.radius import nearest_different

if TYPE_CHECKING:
    import torch

__all__ = ["likeness", "similarity_radius"]

_FARTHEST = 1e300  # so that logarithms of weights stay finite
_SAMPLE = 1000  # rows that the radius is fitted on, at most


def likeness(features: torch.Tensor, examples: Rows, radius: float) -> FloatArray:
    """How far every row is from its most similar example: ``d² / r²``, float64 ``[n]``.

    Formula: d is the Euclidean distance of rows of unit length, so that ``d² = 2 - 2 cos``; a row
    of zeros stays zero. The similarity is ``K = exp(-d² / r²)``: 1 at an example.

    Args:
        features: ``[n, d]``.
        examples: int64 ``[e]``.
        radius: r, above 0.

    >>> import torch
    >>> x = torch.tensor([[2.0, 0.0], [0.0, 1.0], [5.0, 0.0]])
    >>> likeness(x, np.array([0]), radius=1.0).tolist()
    [0.0, 2.0, 0.0]
    """
    known = _unit(features, examples)
    far: FloatArray = np.empty(len(features))
    size = rows_at_once(max(features.shape[1], len(examples)))
    for start in range(0, len(features), size):
        own = _unit(features, np.arange(start, min(start + size, len(features))))
        gap = own - known[_sqdist(own, known).argmin(1)]  # differences lose nothing, products do
        with np.errstate(over="ignore"):
            far[start : start + size] = np.square(gap / radius).sum(1)
    return np.minimum(far, _FARTHEST)


def similarity_radius(features: torch.Tensor) -> float:
    """The median distance, among rows of unit length, from a row to the nearest different one.

    It is taken among up to 1,000 rows, evenly spaced over the pool; 1 where all of them are equal.

    >>> import torch
    >>> similarity_radius(torch.tensor([[1.0, 0.0], [0.0, 3.0], [0.0, -1.0]])) == 2**0.5
    True
    """
    from uwe.points import as_points

    n = len(features)
    rows = np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.int64))
    unit = as_points(_unit(features, rows))
    least = nearest_different(unit, np.arange(len(unit)))
    least = least[np.isfinite(least)]
    return float(np.median(least)) if len(least) else 1.0


def _unit(features: torch.Tensor, rows: Rows) -> FloatArray:
    """Some rows in float64, brought to unit length; rows of zeros stay zero."""
    import torch

    x = features[torch.as_tensor(rows, device=features.device)].double().cpu().numpy()
    largest = np.abs(x).max(1, keepdims=True)
    x = x / np.where(largest > 0, largest, 1.0)  # so that squares neither overflow nor vanish
    length = np.sqrt(np.square(x).sum(1, keepdims=True))
    unit: FloatArray = x / np.where(length > 0, length, 1.0)
    return unit


def _sqdist(x: FloatArray, y: FloatArray) -> FloatArray:
    apart = np.square(x).sum(1)[:, None] + np.square(y).sum(1)[None, :] - 2 * (x @ y.T)
    least: FloatArray = np.maximum(apart, 0.0)
    return least
