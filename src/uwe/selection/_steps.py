"""Greedy k-center one pick at a time: where blocks would cost more than they save.

One float32 product for each pick lowers an upper bound of every row's distance. Only rows that
stand within rounding of the first are measured in float64, so the picks are those of blocks.
"""

from __future__ import annotations

import numpy as np
import torch

from uwe._types import IntArray, Rows
from uwe.points import FloatArray, Frame, Points, Tile
from uwe.selection._nearest import bounds, longest
from uwe.selection._plan import Plan

__all__ = ["Steps", "is_short", "pick_in_steps"]

_FEW = 48  # picks that are cheaper one at a time, however wide the rows
_SHORT = 2**16  # picks times width up to which they are
_SMALL = 2**29  # multiplications up to which they are
_NARROW = 8  # columns that cost hardly more in float64
_WIDE = 512  # columns whose rounding leaves many rows close to the first
_CACHED = 2**18  # numbers of a pool that cost hardly more in float64
_MANY = 300  # picks, above which measuring rows within rounding costs more than float64 products
_COPIED = 2**27  # bytes of a copy of all rows, where no limit is set
_TABLE = 2**18  # pairs whose bounds are taken at once
_HANDFUL = 16  # rows that are measured together
_CONTESTED = 4  # rows measured for each row of the pool, above which float64 products are cheaper


def is_short(points: Points, k: int, limit: int | None) -> bool:
    """Whether picks are taken one at a time; a question of sizes alone."""
    size = len(points) * points.width
    clear = k <= _MANY or points.width <= _NARROW or size <= 8 * _CACHED
    few = k <= _FEW or (clear and k * points.width <= _SHORT) or k * size <= _SMALL
    copied = 40 * len(points) + size * (8 if _wants_float64(points, k) else 4)
    room = _COPIED if limit is None else limit
    return k > 0 and few and copied <= room and points.device.type == "cpu"


def _wants_float64(points: Points, k: int) -> bool:
    size = len(points) * points.width
    contested = k > _MANY or (k > _FEW and points.width >= _WIDE)
    return points.width <= _NARROW or size <= (8 * _CACHED if contested else _CACHED)


class Steps:
    """Bounds of all rows after each pick.

    ``best`` is ``min_c(‖x - c‖²) + 10γ‖x‖²`` in working precision and units of the tile: an upper
    bound from which the lower one follows. Picked rows hold minus infinity. ``value`` holds the
    float64 distances to the first ``seen`` centres.
    """

    def __init__(self, points: Points, k: int, anchors: Points | None, plan: Plan) -> None:
        self.points = points
        self.frame = points.frame()
        self.anchors = anchors
        self.plan = plan
        self.picks = np.empty(0, dtype=np.int64)
        self.value = np.full(len(points), np.inf)
        self.seen = np.zeros(len(points), dtype=np.int64)
        self.contested = 0
        self.begin(torch.float64 if _wants_float64(points, k) else torch.float32)

    def begin(self, dtype: torch.dtype) -> None:
        """Take all rows in another precision; they meet all centres so far."""
        self.tile: Tile = self.points.tile(slice(0, len(self.points)), self.frame, dtype)
        self.sq = self.tile.sq.numpy()
        self.least = 1e-36 if dtype == torch.float32 else 1e-290
        self.raised = self.sq * (1 + 10 * self.tile.gamma) + self.least
        self.gap = np.empty_like(self.sq)
        self.best = np.full_like(self.sq, np.inf)
        for source, rows in self._sources(0):
            for start in range(0, len(rows), self.plan.tile_centres):
                some = rows[start : start + self.plan.tile_centres]
                self._meet(source.tile(some, self.frame, dtype))
        self.best[self.picks] = -np.inf

    def is_finite(self) -> bool:
        """Whether the squares of all rows are numbers in working precision."""
        return bool(np.isfinite(self.sq).all())

    def first(self) -> int:
        """The row with the largest norm as given."""
        frame = Frame(None, self.frame.scales, self.frame.unit)
        whole = slice(0, len(self.points))
        tile = self.tile if self.frame.origin is None else self.points.tile(whole, frame)
        return longest(self.points, tile.sq.numpy(), tile.gamma, self.plan)

    def pick(self, row: int) -> None:
        """Make ``row`` a centre."""
        gap = self.gap
        self.tile.inner(row, -2.0, gap)
        gap += self.raised
        gap += self.sq[row]
        np.minimum(self.best, gap, out=self.best)
        self.best[row] = -np.inf

    def next(self) -> int:
        """The farthest row, the lowest of equals."""
        best, gamma = self.best, self.tile.gamma
        top = int(best.argmax())
        high = best[top]
        floor = self._low(top)
        best[top] = -np.inf
        second = float(best[best.argmax()]) * ((1 + 9 * gamma) / (1 - 9 * gamma))
        best[top] = high
        return top if second < floor else self._contest(floor)

    def exact(self, rows: IntArray) -> FloatArray:
        """The float64 squared distances of some rows to the centres so far."""
        count = len(self.picks) + self._anchored()
        fresh = self.seen[rows] == 0
        together = [rows] if len(rows) <= _HANDFUL else [rows[fresh], rows[~fresh]]
        for some in together:
            if len(some):
                self._settle(some, int(self.seen[some].min()))
        self.seen[rows] = count
        raised = self.value[rows] / self.frame.unit * (1 + 4 * np.finfo(self.best.dtype).eps)
        raised = (raised + self.least).astype(self.best.dtype)
        self.best[rows] = np.minimum(self.best[rows], raised)
        return self.value[rows]

    def _low(self, row: int) -> float:
        """What a row's distance is at least, in the tile's units."""
        slack = 21 * self.tile.gamma * float(self.sq[row]) + 3 * self.least
        return float(self.best[row]) - slack

    def _contest(self, floor: float) -> int:
        gamma = self.tile.gamma
        high = (floor - abs(floor) * 1e-6) * ((1 - 9 * gamma) / (1 + 9 * gamma)) - self.least
        rows = np.flatnonzero(self.best >= min(high, floor))
        rows = rows[self.best[rows] > -np.inf]
        self.contested += len(rows)
        if self.contested > _CONTESTED * len(self.points) + 1000 and self._may_widen():
            self.begin(torch.float64)
            self.contested = 0
            return self.next()
        return int(rows[self.exact(rows).argmax()])

    def _may_widen(self) -> bool:
        copied = 2 * len(self.points) * self.points.row_bytes()
        return self.best.dtype == np.float32 and copied <= _COPIED

    def _settle(self, rows: IntArray, start: int) -> None:
        """Lower the values of ``rows`` by the centres from ``start``."""
        for source, centres in self._sources(start):
            size = max(1, _TABLE // max(1, len(centres)))
            for at in range(0, len(rows), size):
                self._measure(rows[at : at + size], source, centres)

    def _measure(self, rows: IntArray, source: Points, centres: IntArray) -> None:
        mine, dtype, unit = self.tile.take(rows), self.tile.sq.dtype, self.frame.unit
        own = source is self.points
        theirs = self.tile.take(centres) if own else source.tile(centres, self.frame, dtype)
        offsets = mine.offsets(theirs).numpy()
        low, high = bounds(offsets.astype(np.float64), mine, unit)
        limit = np.minimum(self.value[rows], high.min(1))
        at, which = np.nonzero(low <= limit[:, None])
        for span in range(0, len(at), self.plan.pairs):
            some = rows[at[span : span + self.plan.pairs]]
            close = centres[which[span : span + self.plan.pairs]]
            gap = self.points.exact(some).sqdist(source.exact(close))
            np.minimum.at(self.value, some, gap)

    def _meet(self, centres: Tile) -> None:
        for start in range(0, len(self.points), self.plan.tile_rows):
            span = np.arange(start, min(len(self.points), start + self.plan.tile_rows))
            gap = self.tile.take(span).offsets(centres).amin(1).numpy()
            self.best[span] = np.minimum(self.best[span], gap + self.raised[span])

    def is_exact(self, row: int) -> bool:
        """Whether a row has been measured against all centres."""
        return bool(self.seen[row] == len(self.picks) + self._anchored())

    def _anchored(self) -> int:
        return 0 if self.anchors is None else len(self.anchors)

    def _sources(self, start: int) -> list[tuple[Points, Rows]]:
        """The centres from ``start``: the anchors, then the picks."""
        sources: list[tuple[Points, Rows]] = []
        if self.anchors is not None and start < len(self.anchors):
            sources.append((self.anchors, np.arange(start, len(self.anchors))))
        picks = self.picks[max(0, start - self._anchored()) :]
        return [*sources, (self.points, picks)] if len(picks) else sources


def pick_in_steps(steps: Steps, k: int, *, distances: bool) -> tuple[Rows, FloatArray]:
    """The picks, and their distances when picked: all where wanted, else those that came up."""
    picks, apart = np.empty(k, dtype=np.int64), np.full(k, np.inf)
    for i in range(k):
        first = i == 0 and steps.anchors is None
        row = steps.first() if first else steps.next()
        if not first and (distances or steps.is_exact(row)):
            apart[i] = steps.exact(np.array([row]))[0]
            if apart[i] == 0.0:
                rest = np.flatnonzero(steps.best > -np.inf)[: k - i]
                picks[i:], apart[i:] = rest, 0.0
                break
        picks[i] = row
        steps.picks = picks[: i + 1]
        steps.pick(row)
    return picks, np.sqrt(apart)
