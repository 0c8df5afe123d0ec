"""D² sampling, the seeding of k-means++: far rows are likely, not certain."""

from __future__ import annotations

import numpy as np
import torch

from uwe._random import generator
from uwe._types import Rows
from uwe.points import Points

__all__ = ["k_means_pp"]


def k_means_pp(points: Points, k: int, *, seed: int, anchors: Points | None = None) -> Rows:
    """``k`` rows drawn one after another by squared distance, in the order of drawing.

    Formula: row i is drawn with probability ``D_i² / Σ_j D_j²``, D being the distance to the
    nearest anchor or earlier pick. Where every weight is zero the rest is drawn uniformly from
    the rows left. Without anchors the first pick is the row with the largest norm.

    Args:
        points: n rows.
        k: how many to pick, at most n.
        seed: of the draws.
        anchors: rows that count as picked before; with them the first pick is drawn, too.

    Returns:
        int64 ``[k]``, distinct positions in ``points``.

    Source: Arthur, Vassilvitskii (2007), k-means++: the advantages of careful seeding.

    >>> from uwe.points import Dense
    >>> sorted(k_means_pp(Dense(torch.tensor([[0.0], [1.0], [6.0]])), 3, seed=1).tolist())
    [0, 1, 2]
    """
    rng = generator(seed)
    weight = torch.full((len(points),), torch.inf, dtype=torch.float64)
    for anchor in range(len(anchors) if anchors is not None else 0):
        assert anchors is not None
        weight = torch.minimum(weight, points.sqdist_to(anchors, anchor).cpu())
    left = torch.ones(len(points), dtype=torch.float64)
    picks = np.empty(k, dtype=np.int64)
    for i in range(k):
        start = i == 0 and not (anchors is not None and len(anchors))
        pick = int(points.sqnorms().argmax()) if start else _draw(weight, left, rng)
        weight = torch.minimum(weight, points.sqdist_to(points, pick).cpu())
        weight[pick] = 0.0
        left[pick] = 0.0
        picks[i] = pick
    return picks


def _draw(weight: torch.Tensor, left: torch.Tensor, rng: torch.Generator) -> int:
    weight = weight * left if bool((weight * left).any()) else left
    cumulative = weight.cumsum(0)
    threshold = torch.rand((), generator=rng, dtype=torch.float64) * cumulative[-1]
    return int(torch.searchsorted(cumulative, threshold, right=True))
