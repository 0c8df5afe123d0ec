"""Items that look like one: the order of rows by their distance from a row."""

from __future__ import annotations

import numpy as np

from uwe._types import FloatArray

__all__ = ["nearest_first"]


def nearest_first(features: FloatArray, to: FloatArray) -> list[int]:
    """Positions of rows by rising distance from one; of equals, the first comes first.

    Args:
        features: ``[m, d]``.
        to: ``[d]``.

    >>> nearest_first(np.array([[3.0], [0.0], [1.0]]), np.array([0.9]))
    [2, 1, 0]
    """
    distance = ((features - to) ** 2).sum(1)
    order: list[int] = np.argsort(distance, kind="stable").tolist()
    return order
