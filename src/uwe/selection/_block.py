"""The greedy inside a block: which of a few rows come next, one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uwe._types import IntArray, Rows
from uwe.points import Exact, FloatArray, Frame, Points
from uwe.selection._nearest import bounds

__all__ = ["Block", "Race", "greedy", "race"]


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


class Race:
    """Rows of a block racing for the next pick.

    ``high`` is an upper bound of each row's squared distance and ``sure`` says where it is exact;
    ``base`` is the exact distance before the block's first pick.
    """

    def __init__(self, exact: Exact, low: FloatArray, high: FloatArray, base: FloatArray) -> None:
        self.exact = exact
        self.table = (low, high)
        self.base = base
        self.high = base.copy()
        self.sure = np.ones(len(base), dtype=bool)
        self.picks = np.empty(len(base), dtype=np.int64)
        self.count = 0

    def picked(self) -> IntArray:
        """The picks so far."""
        return self.picks[: self.count]

    def exact_value(self, row: int) -> float:
        """The exact squared distance of one row."""
        if not self.sure[row]:
            self.settle(row)
        return float(self.high[row])

    def leader(self) -> int:
        """The row that is farthest for certain, the lower of equals; a block's rows ascend."""
        while True:
            first = int(self.high.argmax())
            if self.sure[first]:
                return first
            self.settle(first)

    def settle(self, row: int) -> None:
        """Make one row's distance exact."""
        picks = self.picked()
        close = picks[self.table[0][row, picks] <= self.high[row]]
        exact = self.exact.take(close).sqdist(self.exact.take(np.array([row])))
        self.high[row] = min(self.base[row], float(exact.min()) if len(exact) else np.inf)
        self.sure[row] = True

    def settle_all(self, pairs: int) -> None:
        """Make every row's distance exact, ``pairs`` of rows at a time."""
        rows, picks = np.flatnonzero(~self.sure), self.picked()
        close = self.table[0][np.ix_(rows, picks)] <= self.high[rows, None]
        at, pick = np.nonzero(close)
        self.high[rows] = self.base[rows]
        for start in range(0, len(at), pairs):
            some, their = rows[at[start : start + pairs]], picks[pick[start : start + pairs]]
            exact = self.exact.take(some).sqdist(self.exact.take(their))
            np.minimum.at(self.high, some, exact)
        self.sure[rows] = True

    def pick(self, row: int) -> None:
        """Make ``row`` a centre."""
        low, high = self.table
        self.sure &= low[row] >= self.high
        np.minimum(self.high, high[row], out=self.high)
        self.high[row], self.sure[row] = -1.0, True
        self.picks[self.count] = row
        self.count += 1


def race(points: Points, frame: Frame, rows: Rows, sqdist: FloatArray) -> Race:
    """Set up rows, ascending, whose squared distances so far are known exactly."""
    tile = points.tile(rows, frame)
    offsets = tile.offsets(tile).cpu().numpy().astype(np.float64)
    return Race(points.exact(rows), *bounds(offsets, tile, frame.unit), sqdist)


def greedy(
    points: Points,
    frame: Frame,
    rows: Rows,
    sqdist: FloatArray,
    *,
    rival: tuple[float, int],
    most: int,
    pairs: int,
) -> Block:
    """Pick among ``rows`` for as long as the best of them stands before every row outside.

    Args:
        points: all rows.
        frame: of the products.
        rows: int64 ``[m]``, ascending.
        sqdist: float64 ``[m]``, their exact squared distances to the centres so far.
        rival: the largest squared distance that any row outside may have, and the lowest row that
            may have it.
        most: picks, at most.
        pairs: float64 distances that are taken at once.
    """
    run = race(points, frame, rows, sqdist)
    apart: list[float] = []
    while run.count < most:
        leader = run.leader()
        value = float(run.high[leader])
        if value < 0 or (value, -int(rows[leader])) < (rival[0], -rival[1]):
            break
        apart.append(value)
        run.pick(leader)
    run.settle_all(pairs)
    return Block(run.picked(), np.array(apart), run.high)
