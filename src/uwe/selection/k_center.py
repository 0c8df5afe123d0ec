"""Greedy k-center: always the row farthest from all picked so far."""

from __future__ import annotations

import numpy as np
import torch

from uwe._types import Rows
from uwe.points import Points

__all__ = ["k_center"]


def k_center(points: Points, k: int, *, anchors: Points | None = None) -> Rows:
    """The ``k`` rows that greedy k-center picks, in the order of picking.

    Formula: ``argmax_i min_{s in S} ‖x_i - x_s‖``, S being the anchors and the earlier picks; of
    equally far rows, the lower. Without anchors the first pick is the row with the largest norm.

    Args:
        points: n rows.
        k: how many to pick, at most n.
        anchors: rows that count as picked before.

    Returns:
        int64 ``[k]``, distinct positions in ``points``.

    Source: Gonzalez (1985), Clustering to minimize the maximum intercluster distance.

    >>> from uwe.points import Dense
    >>> k_center(Dense(torch.tensor([[0.0], [1.0], [4.0], [6.0]])), 3)
    array([3, 0, 2])
    """
    distance = torch.full((len(points),), torch.inf, dtype=torch.float64)
    for anchor in range(len(anchors) if anchors is not None else 0):
        assert anchors is not None
        distance = torch.minimum(distance, points.sqdist_to(anchors, anchor).cpu())
    picks = np.empty(k, dtype=np.int64)
    for i in range(k):
        start = i == 0 and not (anchors is not None and len(anchors))
        pick = int((points.sqnorms().cpu() if start else distance).argmax())
        distance = torch.minimum(distance, points.sqdist_to(points, pick).cpu())
        picks[i] = pick
        distance[picks[: i + 1]] = -1.0
    return picks
