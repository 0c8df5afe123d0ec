"""D² sampling one draw at a time in float64, for pools so small that batches do not pay."""

from __future__ import annotations

import numpy as np
import torch

from uwe._types import BoolArray, FloatArray, Rows
from uwe.points import Points
from uwe.selection._validation import require_finite

__all__ = ["is_small", "one_by_one"]

_LITTLE = 2**17  # differences that are taken in all
_FEW = 2**12  # numbers of a pool of few columns
_NARROW = 4


def is_small(points: Points, k: int) -> bool:
    """Whether batches would cost more than they save; a question of sizes alone."""
    size = len(points) * points.width
    narrow = points.width <= _NARROW and size <= _FEW
    return (narrow or size * k <= _LITTLE) and points.device.type == "cpu"


def one_by_one(
    points: Points, k: int, rng: torch.Generator, anchors: Points | None
) -> tuple[Rows, FloatArray]:
    """The picks and their distances when picked."""
    require_finite(points)
    exact = points.exact(slice(0, len(points)))
    weight = np.full(len(points), np.inf)
    if anchors is not None:
        known = anchors.exact(slice(0, len(anchors)))
        for row in range(len(anchors)):
            np.minimum(weight, exact.sqdist(known.take(slice(row, row + 1))), out=weight)
    uniform = torch.rand(k, generator=rng, dtype=torch.float64).tolist()
    left = np.ones(len(points), dtype=bool)
    picks, apart = np.empty(k, dtype=np.int64), np.empty(k)
    for i, share in enumerate(uniform):
        first = i == 0 and anchors is None
        pick = int(exact.sqnorms().argmax()) if first else _drawn(weight, left, share)
        picks[i], apart[i] = pick, weight[pick]
        np.minimum(weight, exact.sqdist(exact.take(slice(pick, pick + 1))), out=weight)
        weight[pick], left[pick] = 0.0, False
    return picks, np.sqrt(apart)


def _drawn(weight: FloatArray, left: BoolArray, share: float) -> int:
    """A row by weight; of those left, where nothing weighs."""
    cumulative = np.cumsum(weight)
    if not cumulative[-1]:
        cumulative = np.cumsum(left, dtype=np.float64)
    at = int(cumulative.searchsorted(share * cumulative[-1], side="right"))
    return min(at, int(cumulative.searchsorted(cumulative[-1])))
