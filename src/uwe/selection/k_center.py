"""Greedy k-center, exactly, in blocks: always the row farthest from all picked so far.

Distances to the picked set only fall, so an old distance is an upper bound. Rows are ordered by
(bound, then lower row); the first m are brought up to date until all of them are and stand before
every other row's bound. The greedy then runs among these m alone, for as long as their best stands
before the best row left outside: each such pick is provably the pick of the full greedy. Rows
that never come near the top are never touched again.
"""

from __future__ import annotations

import numpy as np

from uwe._types import IntArray, Rows
from uwe.points import Array, FloatArray, Points, as_points
from uwe.selection._block import Block, greedy
from uwe.selection._nearest import Nearest, norm_leader
from uwe.selection._plan import Plan

__all__ = ["k_center"]


def k_center(x: Points | Array, k: int, *, anchors: Points | Array | None = None) -> Rows:
    points = as_points(x)
    a = None if anchors is None else as_points(anchors)
    return _k_center(points, k, a, Plan(1024, 512, 64, 1024))[0]


def _k_center(
    points: Points, k: int, anchors: Points | None, plan: Plan
) -> tuple[Rows, FloatArray]:
    near = Nearest(points, k, plan, points.frame(), anchors)
    apart: list[FloatArray] = []
    leader = norm_leader(points, near.frame, plan, leader=not near.count)
    if not k:
        return near.picks, np.empty(0)
    if not near.count:
        near.add(np.array([leader]))
        apart.append(np.array([np.inf]))
    near.bound()
    done, width = sum(map(len, apart)), 32
    while done < k:
        block = _next_block(near, min(width, plan.block, len(points)), k - done)
        apart.append(block.apart)
        done += len(block.apart)
        width = _next_width(width, len(block.apart), plan.block)
    return near.picks, np.sqrt(np.concatenate(apart)) if apart else np.empty(0)


def _next_width(width: int, gain: int, most: int) -> int:
    if gain * 3 > width:
        return min(2 * width, most)
    return max(32, width // 2) if gain * 12 < width else width


def _next_block(near: Nearest, width: int, most: int) -> Block:
    """Form a block of ``width`` rows, pick among them, and note what became of them."""
    rows, rival = _first(near.sqdist, width)
    ahead = width
    while len(stale := rows[near.seen[rows] < near.count]):
        if ahead > width and ahead < len(near.sqdist):
            more, _ = _first(near.sqdist, ahead)
            stale = more[near.seen[more] < near.count]
        met = near.met
        near.update(stale, _floor(near, width))
        ROUNDS[0] += 1
        rows, rival = _first(near.sqdist, width)
        if (near.met - met) * near.points.width < GROW: ahead *= 2
    block = greedy(near.points, near.frame, rows, near.sqdist[rows], rival, most)
    near.sqdist[rows] = block.sqdist
    near.seen[rows] = np.where(block.sqdist < 0, near.seen[rows], near.count + len(block.picks))
    near.add(rows[block.picks])
    return block


def _first(sqdist: FloatArray, m: int) -> tuple[IntArray, tuple[float, int]]:
    """The first m rows by (distance, then lower row), ascending, and the first row after them."""
    if m >= len(sqdist):
        return np.arange(len(sqdist)), (-np.inf, 0)
    cut = float(np.partition(sqdist, -m - 1)[-m - 1])
    equal = np.flatnonzero(sqdist == cut)
    before = np.flatnonzero(sqdist > cut)
    kept = m - len(before)
    rows = np.sort(np.concatenate([before, equal[:kept]])) if kept else before
    return rows, (cut, int(equal[kept]))


GROW = 2**26
ROUNDS = [0]
def _floor(near: Nearest, m: int) -> float:
    """What the last of a block's rows has at least: the m-th largest distance that is up to date."""
    known = near.sqdist[near.seen == near.count]
    return float(np.partition(known, -m)[-m]) if len(known) >= m else -1.0
