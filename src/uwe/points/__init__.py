"""An embedding seen as a metric: rows, their norms, and squared distances between them.

A representation knows its own cancellation and rounding; a selection kernel knows only geometry.
Two views of the same rows serve it. A ``Tile`` holds float32 (or float64) rows ready for matrix
products, with a bound on what rounding can do. An ``Exact`` holds rows in float64 as they were
given; its distances are *the* distances: each is summed in one fixed order that depends on the
number of features alone, so that it has the same bits on every machine, in every block.
"""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
import torch

from uwe.errors import InputError
from uwe.points._dense import Dense
from uwe.points._geometry import Array, Exact, Frame, Matrix, Points, Span, Tile, ordered_sum
from uwe.points._product import Product
from uwe.points._subset import Subset

__all__ = [
    "Array",
    "Dense",
    "Exact",
    "Frame",
    "Matrix",
    "Points",
    "Product",
    "Span",
    "Subset",
    "Tile",
    "as_points",
    "ordered_sum",
]


def as_points(x: Points | Array, *, device: torch.device | str | None = None) -> Points:
    """See an array, a tensor or a memory-mapped file ``[n, d]`` as points; points stay as they are.

    Raises:
        InputError: not a matrix, no columns, or not of a floating type.

    >>> len(as_points(np.zeros((3, 2))))
    3
    """
    if isinstance(x, Product) and device is not None:
        return Product(x.a, x.b, device=device)
    if isinstance(x, Dense) and device is not None:
        return Dense(x.x, device=device)
    if isinstance(x, torch.Tensor | np.ndarray):
        return Dense(x, device=device)
    if not _is_points(x):
        raise InputError(f"points must be an array, a tensor or Points, not {type(x).__name__}")
    return x


def _is_points(x: object) -> TypeGuard[Points]:
    return hasattr(x, "tile")
