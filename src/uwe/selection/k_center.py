"""Greedy k-center, exactly, in blocks: always the row farthest from all picked so far.

Distances to the picked set only fall, so an old distance is an upper bound. Rows are ordered by
(bound, then lower row); the first m are brought up to date until all of them are and stand before
every other row's bound. The greedy then runs among these m alone, for as long as their best stands
before the best row left outside: each such pick is provably the pick of the full greedy. Rows
that never come near the top are never touched again.
"""

from __future__ import annotations

from typing import Literal, overload

import numpy as np

from uwe._types import FloatArray, Progress, Rows
from uwe.points import Array, Points
from uwe.selection._block import Block, greedy
from uwe.selection._nearest import Nearest
from uwe.selection._norms import longest, take_norms
from uwe.selection._plan import Memory, Plan, make_plan
from uwe.selection._progress import tell
from uwe.selection._steps import Steps, pick_in_steps
from uwe.selection._validation import checked

__all__ = ["k_center"]


@overload
def k_center(
    x: Points | Array,
    k: int,
    *,
    anchors: Points | Array | None = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Progress | None = None,
    return_distance: Literal[False] = False,
) -> Rows: ...


@overload
def k_center(
    x: Points | Array,
    k: int,
    *,
    anchors: Points | Array | None = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Progress | None = None,
    return_distance: Literal[True],
) -> tuple[Rows, FloatArray]: ...


def k_center(
    x: Points | Array,
    k: int,
    *,
    anchors: Points | Array | None = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Progress | None = None,
    return_distance: bool = False,
) -> Rows | tuple[Rows, FloatArray]:
    """The ``k`` rows that greedy k-center picks, in the order of picking.

    Formula: ``argmax_i min_{s in S} ‖x_i - x_s‖``, S being the anchors and the earlier picks; of
    equally far rows, the lower. Without anchors the first pick is the row with the largest norm.

    Distances are those of float64, summed in one fixed order, so the picks do not depend on
    ``max_memory``, blocks, threads or processor.

    Args:
        x: n rows: an array, a tensor or a memory-mapped file ``[n, d]``, or ``Product(a, b)``.
        k: how many to pick, 0 to n.
        anchors: rows that count as picked before.
        device: where to compute; by default where ``x`` is.
        max_memory: bytes that may be allocated beyond ``x``, as a number or as ``"2GB"``.
        progress: called with a `Stage` after each block of picks: picks so far, and k.
        return_distance: whether to give the distance of each pick when it was picked as well.

    Returns:
        int64 ``[k]``, distinct rows; with ``return_distance`` also float64 ``[k]``, infinite for a
        first pick without anchors.

    Raises:
        InputError: a row with NaN or infinity, k out of range, anchors of another width, or too
            little memory.

    Source: Gonzalez (1985), Clustering to minimize the maximum intercluster distance.

    >>> k_center(np.array([[0.0], [1.0], [4.0], [6.0]]), 3)
    array([3, 0, 2])
    """
    points, known = checked(x, k, anchors, device)
    plan = make_plan(points, k, k + (len(known) if known else 0), max_memory)
    picks, apart = _k_center(points, k, known, plan, progress, distances=return_distance)
    return (picks, apart) if return_distance else picks


def _k_center(
    points: Points,
    k: int,
    anchors: Points | None,
    plan: Plan,
    progress: Progress | None,
    *,
    distances: bool = True,
) -> tuple[Rows, FloatArray]:
    if not len(points):
        return np.empty(0, dtype=np.int64), np.empty(0)
    norms = take_norms(points, plan.tile_rows)
    if not k:
        return np.empty(0, dtype=np.int64), np.empty(0)
    near = Nearest(points, norms.frame, norms.sq, plan, k, anchors)
    if not near.count:
        near.add(np.array([longest(points, norms, plan.pairs)]))
    apart = np.full(k, np.inf)
    if plan.steps:
        pick_in_steps(Steps(near, plan.steps), apart, progress, distances=distances)
    if len(near.picked()) < k:
        _pick_in_blocks(near, apart, progress)
    return near.picks, np.sqrt(apart)


def _pick_in_blocks(near: Nearest, apart: FloatArray, progress: Progress | None) -> None:
    """Pick what is left to pick; the squared distances of the picks go to ``apart [k]``."""
    left = np.flatnonzero(near.sqdist >= 0.0)
    if near.count == 1:
        near.update(left)
    else:
        near.glance(left)
    search = _Search(near)
    while (done := len(near.picked())) < len(apart):
        block = search.next_block(len(apart) - done)
        apart[done : done + len(block.apart)] = block.apart
        tell(progress, len(near.picked()), len(apart))


class _Search:
    """Blocks, one after another; how deep to look follows what the last ones gave.

    Attributes:
        share: rows that are looked at for one that stays in the block.
    """

    def __init__(self, near: Nearest) -> None:
        self.near = near
        self.share = 2.0
        self.most = max(64.0, len(near.points) / (4 * near.plan.block))

    def next_block(self, most: int) -> Block:
        """Form a block, pick among it, and note what became of its rows."""
        near = self.near
        rows, rival = self._form()
        while not len(rows):
            rows, rival = self._form()
        near.settle(rows)
        if not rival[0] and not near.sqdist[rows].any():
            return self._rest(most)
        block = greedy(near, rows, rival=rival, most=most)
        near.sqdist[rows] = block.sqdist
        near.seen[rows] = near.count + len(block.picks)
        near.add(rows[block.picks])
        return block

    def _rest(self, most: int) -> Block:
        """Where every distance is 0, the rows left in their order."""
        left = np.flatnonzero(self.near.sqdist >= 0.0)[:most]
        self.near.add(left)
        return Block(left, np.zeros(len(left)), np.zeros(len(left)))

    def _form(self) -> tuple[Rows, tuple[float, int]]:
        """Rows that are up to date and stand before all others, and the first of the others."""
        near, width = self.near, self.near.plan.block
        upper = near.upper()
        floor = _largest(upper, int(width * self.share))
        rows = np.flatnonzero(upper >= max(floor, 0.0))
        near.approach(near.stale(rows), upper, floor)
        upper[rows] = np.minimum(upper[rows], near.sqdist[rows])
        rows = rows[upper[rows] >= floor]
        self.share = float(np.clip(self.share * (width / (len(rows) + 1)) ** 0.7, 1.0, self.most))
        if len(rows) > width:
            floor = _largest(near.sqdist[rows], 2 * width)
            rows = rows[near.sqdist[rows] >= floor]
            near.settle(rows)
            upper[rows] = near.sqdist[rows]
            rows = np.sort(rows[np.lexsort((rows, -upper[rows]))[:width]])
        upper[rows] = -1.0
        after = int(upper.argmax())
        return rows, (float(upper[after]), after)


def _largest(values: FloatArray, rank: int) -> float:
    """The value of this rank from the largest."""
    at = max(0, len(values) - rank)
    return float(np.partition(values, at)[at])
