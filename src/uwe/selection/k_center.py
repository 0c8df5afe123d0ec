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

from uwe._types import IntArray, Rows
from uwe.points import Array, FloatArray, Points
from uwe.selection._block import Block, greedy
from uwe.selection._nearest import Nearest, norm_leader
from uwe.selection._plan import Advance, Memory, Plan, make_plan, parse_memory
from uwe.selection._steps import Steps, is_short, pick_in_steps
from uwe.selection._validation import checked

__all__ = ["k_center"]

_NARROW, _WIDE = 32, 256  # rows of the first block
_WORTH_A_ROUND = 2**26  # multiplications: a round of fewer doubles what the next looks at


@overload
def k_center(
    x: Points | Array,
    k: int,
    *,
    anchors: Points | Array | None = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Advance | None = None,
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
    progress: Advance | None = None,
    return_distance: Literal[True],
) -> tuple[Rows, FloatArray]: ...


def k_center(
    x: Points | Array,
    k: int,
    *,
    anchors: Points | Array | None = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Advance | None = None,
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
        progress: called with the picks so far and with k.
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
    plan = make_plan(points, max_memory)
    advance = progress or (lambda _done, _total: None)
    steps = None
    if is_short(points, k, parse_memory(max_memory)):
        steps = Steps(points, k, known, plan)
    if steps and steps.is_finite():
        picks, apart = pick_in_steps(steps, k, distances=return_distance)
        advance(k, k)
    else:
        picks, apart = _k_center(points, k, known, plan, advance)
    return (picks, apart) if return_distance else picks


def _k_center(
    points: Points, k: int, anchors: Points | None, plan: Plan, progress: Advance
) -> tuple[Rows, FloatArray]:
    if not len(points):
        return np.empty(0, dtype=np.int64), np.empty(0)
    near = Nearest(points, k, plan, points.frame(), anchors)
    leader = norm_leader(near, leader=not near.count)
    if not k:
        return near.picks, np.empty(0)
    apart: list[FloatArray] = []
    if not near.count:
        near.add(np.array([leader]))
        apart.append(np.array([np.inf]))
    near.bound()
    done, width = sum(map(len, apart)), min(max(_NARROW, 4 * k), _WIDE)
    while done < k:
        block = _next_block(near, min(width, plan.block, len(points)), k - done)
        apart.append(block.apart)
        done += len(block.apart)
        width = _next_width(width, len(block.apart), plan.block)
        progress(done, k)
    return near.picks, np.sqrt(np.concatenate(apart))


def _next_width(width: int, gain: int, most: int) -> int:
    """More rows after a block that gave many picks, fewer after one that gave few."""
    if gain * 3 > width:
        return min(2 * width, most)
    return max(_NARROW, width // 2) if gain * 12 < width else width


def _next_block(near: Nearest, width: int, most: int) -> Block:
    """Form a block of ``width`` rows, pick among them, and note what became of them."""
    rows, rival = _current(near, width)
    block = greedy(
        near.points,
        near.frame,
        rows,
        near.sqdist[rows],
        rival=rival,
        most=most,
        pairs=near.plan.pairs,
    )
    near.sqdist[rows] = block.sqdist
    left = rows[block.sqdist >= 0.0]
    near.seen[left] = near.count + len(block.picks)
    near.add(rows[block.picks])
    return block


def _current(near: Nearest, width: int) -> tuple[IntArray, tuple[float, int]]:
    """The first rows, all up to date, and the first row after them; updates what it must.

    Rounds that are too small to be worth their overhead look further ahead.
    """
    ahead = beyond = width
    while True:
        rows, rival = _first(near.sqdist, width)
        if len(stale := near.stale(rows)):
            if near.debt() < _WORTH_A_ROUND:
                stale = near.stale(np.arange(len(near.sqdist)))
            elif width < ahead < len(near.sqdist):
                stale = near.stale(_first(near.sqdist, ahead)[0])
            before = near.met
            near.update(stale, near.floor(width))
            if (near.met - before) * near.points.width < _WORTH_A_ROUND:
                ahead = min(2 * ahead, len(near.sqdist))
        elif len(unsettled := near.unsettled(rows)):
            if width < beyond < len(near.sqdist):
                unsettled = near.unsettled(_first(near.sqdist, beyond)[0])
            near.settle(unsettled)
            beyond = min(2 * beyond, len(near.sqdist))
        else:
            return rows, rival


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
