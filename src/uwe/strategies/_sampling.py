"""Some of many rows, drawn by the seed, where all of them would take too long."""

from __future__ import annotations

import numpy as np

from uwe._random import derive_seed
from uwe._types import Rows

__all__ = ["few"]


def few(rows: Rows, most: int, seed: int, role: str = "radius") -> Rows:
    """The rows, or as many of them as are allowed, rising.

    Args:
        rows: int64 ``[m]``, rising.
        most: how many, at most.
        seed: of the question.
        role: of the draw, so that draws for different ends differ.

    >>> few(np.array([2, 5, 9]), 3, seed=0).tolist(), len(few(np.arange(9), 4, seed=0))
    ([2, 5, 9], 4)
    """
    from uwe.selection import uniform

    if len(rows) <= most:
        return rows
    return np.sort(rows[uniform(len(rows), most, seed=derive_seed(seed, 0, role))])
