"""The obvious slow twins of the kernels, and pools that go wrong: what the tests compare with."""

from __future__ import annotations

import numpy as np
import torch

from uwe._random import generator
from uwe._types import FloatArray, IntArray, Rows
from uwe.points import Points
from uwe.selection._gain import Similarity, quantum_of, units

__all__ = ["SHAPES", "distances", "herd", "k_center", "k_means_pp", "pool"]

SHAPES = ("gaussian", "grid", "clusters", "equal", "zeros", "far", "tiny", "outlier", "weighted")


def pool(shape: str, n: int, d: int, seed: int) -> FloatArray:
    """Rows of one of the shapes that go wrong in one way or another."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    if shape == "grid":
        return rng.integers(-2, 3, (n, d)).astype(np.float64)
    if shape == "clusters":
        centres = rng.normal(size=(3, d)) * 100
        return centres[rng.integers(0, 3, n)] + 1e-5 * x
    if shape == "equal":
        return np.broadcast_to(x[:1], (n, d)).copy()
    if shape == "zeros":
        return x * rng.integers(0, 2, (n, 1))
    if shape == "far":
        return x + 1e5
    if shape == "tiny":
        return x * 1e-30
    if shape == "outlier":
        x[0] *= 1e6
    if shape == "weighted":
        x *= rng.random((n, 1)) ** 3
    return x


def distances(points: Points, other: Points, row: int) -> FloatArray:
    """Squared distance of every row to one row of ``other``."""
    return points.exact(slice(0, len(points))).sqdist(other.exact(np.array([row])))


def _anchored(points: Points, anchors: Points | None) -> FloatArray:
    nearest = np.full(len(points), np.inf)
    for anchor in range(len(anchors) if anchors is not None else 0):
        assert anchors is not None
        nearest = np.minimum(nearest, distances(points, anchors, anchor))
    return nearest


def k_center(points: Points, k: int, *, anchors: Points | None = None) -> tuple[Rows, FloatArray]:
    """Greedy k-center, and the distance of each pick when it was picked."""
    nearest = _anchored(points, anchors)
    picks, apart = np.empty(k, dtype=np.int64), np.empty(k)
    for i in range(k):
        start = i == 0 and not (anchors is not None and len(anchors))
        score = points.exact(slice(0, len(points))).sqnorms() if start else nearest
        picks[i] = pick = int(score.argmax())
        apart[i] = nearest[pick]
        nearest = np.minimum(nearest, distances(points, points, pick))
        nearest[picks[: i + 1]] = -1.0
    return picks, np.sqrt(apart)


def k_means_pp(points: Points, k: int, *, seed: int, anchors: Points | None = None) -> Rows:
    """D² sampling, one draw after another."""
    rng = generator(seed)
    weight = _anchored(points, anchors)
    left = np.ones(len(points))
    picks = np.empty(k, dtype=np.int64)
    for i in range(k):
        start = i == 0 and not (anchors is not None and len(anchors))
        norms = points.exact(slice(0, len(points))).sqnorms() if start else weight
        pick = int(norms.argmax()) if start else _draw(weight, left, rng)
        weight = np.minimum(weight, distances(points, points, pick))
        weight[pick], left[pick] = 0.0, 0.0
        picks[i] = pick
    return picks


def _draw(weight: FloatArray, left: FloatArray, rng: torch.Generator) -> int:
    cumulative = np.cumsum(weight * left if (weight * left).any() else left)
    threshold = float(torch.rand((), generator=rng, dtype=torch.float64)) * cumulative[-1]
    return int(np.searchsorted(cumulative, threshold, side="right"))


def herd(
    points: Points,
    k: int,
    *,
    kernel: Similarity,
    radius: float,
    weights: FloatArray,
    anchors: Points | None = None,
    candidates: Rows | None = None,
) -> tuple[Rows, IntArray]:
    """Greedy weighted coverage, every gain summed anew for every pick; gains in quanta."""
    n = len(points)
    quantum = quantum_of(n, float(weights.max(initial=0.0)))
    covered = np.zeros(n)
    for anchor in range(len(anchors) if anchors is not None else 0):
        assert anchors is not None
        sqdist = distances(points, anchors, anchor)
        covered = np.maximum(covered, kernel.of(sqdist, radius * radius))
    left = list(range(n) if candidates is None else candidates)
    value = {row: kernel.of(distances(points, points, row), radius * radius) for row in left}
    picks, gains = np.empty(k, dtype=np.int64), np.empty(k, dtype=np.int64)
    for i in range(k):
        gain = {row: int(units(weights, value[row] - covered, quantum).sum()) for row in left}
        best = max(left, key=lambda row: (gain[row], -row))
        picks[i], gains[i] = best, gain[best]
        covered = np.maximum(covered, value[best])
        left.remove(best)
    return picks, gains
