"""The best one-at-a-time loops, in numpy and in torch: what the kernels are measured against."""

from __future__ import annotations

import time

import numpy as np
import torch

from uwe.points import Points, Product

FIRST = 500  # picks that are timed and scaled: each costs the same


class Numpy:
    """Distances from all rows to one, by numpy's BLAS: two factors or one."""

    def __init__(self, points: Points) -> None:
        parts = (points.a, points.b) if isinstance(points, Product) else (points.x,)  # type: ignore[attr-defined]
        self.parts = [np.asarray(torch.as_tensor(part).float().cpu().numpy()) for part in parts]
        self.sq = np.prod([np.einsum("ij,ij->i", part, part) for part in self.parts], axis=0)

    def to(self, row: int) -> np.ndarray:
        """Squared distances of all rows to one."""
        gap = self.parts[0] @ self.parts[0][row]
        for part in self.parts[1:]:
            gap *= part @ part[row]
        gap *= -2
        gap += self.sq
        gap += self.sq[row]
        return gap


class Torch(Numpy):
    """The same in torch."""

    def __init__(self, points: Points) -> None:
        super().__init__(points)
        self.tensors = [torch.from_numpy(part) for part in self.parts]

    def to(self, row: int) -> np.ndarray:
        """Squared distances of all rows to one."""
        gap = torch.mv(self.tensors[0], self.tensors[0][row])
        for part in self.tensors[1:]:
            gap *= torch.mv(part, part[row])
        gap.mul_(-2).add_(torch.from_numpy(self.sq)).add_(float(self.sq[row]))
        return gap.numpy()


def loop(
    points: Points,
    k: int,
    *,
    draw: bool,
    anchors: Points | None,
    kind: type[Numpy] = Numpy,
    most: int = FIRST,
) -> float:
    """Seconds of one pick at a time, scaled from the first picks; anchors in blocked products."""
    start = time.perf_counter()
    metric = kind(points)
    best = np.full(len(points), np.inf, dtype=np.float32)
    if anchors is not None:
        x, a = metric.parts[0], Numpy(anchors)
        for first in range(0, len(anchors), 512):
            gap = x @ a.parts[0][first : first + 512].T
            gap *= -2
            gap += a.sq[first : first + 512]
            np.minimum(best, gap.min(1) + metric.sq, out=best)
    ready = time.perf_counter() - start
    rng = np.random.default_rng(0)
    row = int(metric.sq.argmax() if anchors is None else best.argmax())
    timed = min(k, most)
    start = time.perf_counter()
    for _ in range(timed):
        np.minimum(best, metric.to(row), out=best)
        best[row] = 0 if draw else -1
        if draw:
            cumulative = np.cumsum(np.maximum(best, 0), dtype=np.float64)
            row = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
            row = min(row, len(best) - 1)
        else:
            row = int(best.argmax())
    return ready + (time.perf_counter() - start) * k / timed
