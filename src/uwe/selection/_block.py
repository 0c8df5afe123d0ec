"""The greedy inside a block: which of a few rows come next, one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uwe._types import FloatArray, IntArray, Rows
from uwe.points import Tile
from uwe.selection._bounds import on_host
from uwe.selection._nearest import Nearest

__all__ = ["Block", "greedy"]


@dataclass(frozen=True)
class Block:
    """What a block gave.

    Attributes:
        picks: positions in the block, in the order of picking.
        apart: float64, squared distance of each pick when it was picked.
        sqdist: float64 ``[m]``, exact squared distances of all the rows after these picks.
    """

    picks: IntArray
    apart: FloatArray
    sqdist: FloatArray


def greedy(near: Nearest, rows: Rows, *, rival: tuple[float, int], most: int) -> Block:
    """Pick among ``rows`` for as long as the best of them stands before every row outside.

    Args:
        near: what is known; the distances of ``rows`` are exact.
        rows: int64 ``[m]``, ascending.
        rival: the largest squared distance that any row outside may have, and the lowest row that
            may have it.
        most: picks, at most.
    """
    tile, exact = near.tile(rows), near.points.exact(rows)
    table = on_host(tile.offsets(tile))
    slope, base = _reach_of(tile, near.frame.unit)
    sqdist = near.sqdist[rows]
    picks: list[int] = []
    apart: list[float] = []
    while len(picks) < most:
        pick = int(sqdist.argmax())
        value = float(sqdist[pick])
        if value < 0 or (value <= rival[0] and (value < rival[0] or rows[pick] > rival[1])):
            break
        picks.append(pick)
        apart.append(value)
        sqdist[pick] = -1.0
        close = np.flatnonzero(table[pick] <= sqdist * slope + base[pick])
        if len(close):
            near.settled += len(close)
            gap = exact.take(close).sqdist(exact.take(slice(pick, pick + 1)))
            sqdist[close] = np.minimum(sqdist[close], gap)
    return Block(np.array(picks, dtype=np.int64), np.array(apart), sqdist)


def _reach_of(tile: Tile, unit: float) -> tuple[float, FloatArray]:
    """A line above ``reach``: its slope against squared distances, its value at 0 of each row."""
    slope = (1 + 6 * tile.gamma) * (1 + 2e-6) / unit
    slack = 8 * tile.gamma * tile.sq + tile.tiny
    return slope, slack - tile.sq + 2e-6 * (tile.sq + slack)
