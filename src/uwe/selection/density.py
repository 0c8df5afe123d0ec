"""How near a row's neighbours are: typicality, without a table of all pairs."""

from __future__ import annotations

import numpy as np
import torch

from uwe._types import FloatArray, IntArray, Rows
from uwe.points import Array, Points, Tile, as_points

__all__ = ["neighbour_distance"]

_PAIRS = 2**22  # distances that are held at once
_BITS = 30  # of a mean distance that are kept, so that rounding breaks no ties


def neighbour_distance(
    x: Points | Array, neighbours: int, *, rows: Rows | None = None
) -> FloatArray:
    """The mean distance of rows to their nearest other rows: the inverse of their typicality.

    Formula: ``1/K Σ_j ‖x_i - x_j‖`` over the K nearest other rows j, to 30 bits; 0 where K others
    are equal to the row, and where there are no others.

    Args:
        x: the rows ``[n, d]`` among which neighbours are.
        neighbours: K, at least 1; fewer where there are fewer other rows.
        rows: of which rows it is wanted; None: of all.

    Returns:
        float64 ``[n]``, or one number for each of ``rows``.

    Source: Hacohen, Dekel, Weinshall (2022), Active learning on a budget: opposite strategies suit
    high and low budgets.

    >>> neighbour_distance(np.array([[0.0], [1.0], [3.0]]), 2).tolist()
    [2.0, 1.5, 2.5]
    """
    points = as_points(x)
    asked = np.arange(len(points)) if rows is None else rows
    k = min(neighbours, len(points) - 1)
    if k < 1 or not len(asked):
        return np.zeros(len(asked))
    tile = points.tile(slice(0, len(points)), points.frame(), torch.float64)
    step = max(1, _PAIRS // len(points))
    parts = [asked[start : start + step] for start in range(0, len(asked), step)]
    return _shortened(np.concatenate([_means(points, tile, part, k) for part in parts]))


def _means(points: Points, tile: Tile, rows: Rows, k: int) -> FloatArray:
    near = _nearest(tile, rows, k)
    own = points.exact(rows)
    total = np.zeros(len(rows))
    for column in np.sort(near, axis=1).T:
        total += np.sqrt(own.sqdist(points.exact(column)))
    return total / k


def _nearest(tile: Tile, rows: Rows, k: int) -> IntArray:
    """The k nearest other rows of each row, in no order."""
    offsets = torch.as_tensor(tile.take(rows).offsets(tile)).cpu().numpy()
    offsets[np.arange(len(rows)), rows] = np.inf
    found: IntArray = np.argpartition(offsets, k - 1, axis=1)[:, :k]
    return found


def _shortened(values: FloatArray) -> FloatArray:
    mantissa, exponent = np.frexp(values)
    short: FloatArray = np.ldexp(np.round(np.ldexp(mantissa, _BITS)), exponent - _BITS)
    return short
