"""One pick at a time, in float64: for small pools, where blocks cost more than they save."""

from __future__ import annotations

import numpy as np
import torch

from uwe._types import Rows
from uwe.points import FloatArray, Points
from uwe.selection._validation import require_finite

__all__ = ["Plain", "is_small", "pick_all"]

_SMALL = 2**20  # numbers that float64 differences would be taken of, in all
_NARROW = 8  # columns that cost hardly more in float64 than one by one in float32


def is_small(points: Points, k: int, anchors: Points | None) -> bool:
    """Whether a pool is too small for blocks; a question of sizes alone."""
    if points.device.type != "cpu":
        return False
    pairs = len(points) * (k + (0 if anchors is None else len(anchors)))
    held = len(points) * points.width <= _SMALL
    narrow = points.width <= _NARROW and pairs <= 128 * _SMALL
    return held and (narrow or pairs * points.width <= _SMALL)


class Plain:
    """All rows in float64, and their squared distances to the nearest centre; picks hold -1."""

    def __init__(self, points: Points, anchors: Points | None) -> None:
        require_finite(points)
        self.exact = points.exact(slice(0, len(points))).columns()
        self.sqdist: FloatArray = np.full(len(points), np.inf)
        if anchors is not None:
            known = anchors.exact(slice(0, len(anchors)))
            for row in range(len(anchors)):
                gap = self.exact.sqdist(known.take(np.array([row])))
                np.minimum(self.sqdist, gap, out=self.sqdist)
        self.started = anchors is not None

    def farthest(self) -> int:
        """The next pick of greedy k-center."""
        return int((self.sqdist if self.started else self.exact.sqnorms()).argmax())

    def drawn(self, rng: torch.Generator) -> int:
        """The next pick of D² sampling."""
        if not self.started:
            return self.farthest()
        cumulative = np.cumsum(np.maximum(self.sqdist, 0.0))
        if not cumulative[-1]:
            cumulative = np.cumsum(self.sqdist >= 0.0, dtype=np.float64)
        share = float(torch.rand((), generator=rng, dtype=torch.float64))
        at = np.searchsorted(cumulative, share * cumulative[-1], side="right")
        return int(min(at, np.searchsorted(cumulative, cumulative[-1])))

    def pick(self, row: int) -> float:
        """Make ``row`` a centre; its squared distance before."""
        apart = float(self.sqdist[row])
        gap = self.exact.sqdist(self.exact.take(np.array([row])))
        np.minimum(self.sqdist, gap, out=self.sqdist)
        self.sqdist[row] = -1.0
        self.started = True
        return apart


def pick_all(pool: Plain, k: int, rng: torch.Generator | None) -> tuple[Rows, FloatArray]:
    """The picks, drawn where there is a generator, and their distances when picked."""
    picks, apart = np.empty(k, dtype=np.int64), np.empty(k)
    for i in range(k):
        picks[i] = pool.farthest() if rng is None else pool.drawn(rng)
        apart[i] = pool.pick(int(picks[i]))
    return picks, np.sqrt(apart)
