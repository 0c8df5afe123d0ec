"""How far each row is from its nearest centre, as far as it is known.

Distances to a growing set only fall, so an old distance is an upper bound. ``Nearest`` keeps such
bounds and brings those of chosen rows up to date: matrix products say which centres may matter,
the float64 distances of ``Exact`` say what is so. A row that has met every centre knows its
distance exactly, to the last bit, whatever the order or the blocks in which it met them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from uwe._types import FloatArray, IntArray, Rows
from uwe.points import Frame, Points, Span, Tile
from uwe.selection._bounds import (
    bounds,
    entries,
    low_of_high,
    reach,
    row_minimum,
    spans,
    within,
)
from uwe.selection._cells import Cells, Meeting
from uwe.selection._plan import ASKED_TILES, VISIT, Plan, pair_cost

__all__ = ["Nearest"]

_ALL = slice(None)
_NEVER = np.iinfo(np.int32).max  # picked rows meet no more centres
_CROWDED = 16  # pairs left to float64 for each row, above which a float64 product is cheaper
_NOTED = 24  # pairs that wait to be judged, for each row of a tile
_FEW = 64  # centres that a row meets at a glance


@dataclass(frozen=True)
class _Pairs:
    """Rows with centres that may be their nearest: only float64 can tell."""

    row: Rows
    centre: IntArray
    low: FloatArray  # of the squared distance, in units of the tiles


class Nearest:
    """Upper bounds of the distance from each row to its nearest centre.

    Attributes:
        sqdist: float64 ``[n]``, upper bounds. Rows that were picked hold -1.
        seen: int32 ``[n]``, how many centres, in their order, each row has met.
        open: int32 ``[n]``, the one centre whose float64 distance would make the bound exact for
            the centres met, or -1 where it is.
        count: how many centres there are: the anchors, then the picks.
    """

    def __init__(
        self,
        points: Points,
        frame: Frame,
        sq: FloatArray,
        plan: Plan,
        capacity: int,
        anchors: Points | None,
    ) -> None:
        self.points = points
        self.frame = frame
        self.sq = sq
        self.plan = plan
        self.anchors = anchors
        self.sqdist = np.full(len(points), np.inf)
        self.seen = np.zeros(len(points), dtype=np.int32)
        self.open = np.full(len(points), -1, dtype=np.int32)
        self.picks = np.empty(capacity, dtype=np.int64)
        self.count = self.anchored = 0 if anchors is None else len(anchors)
        self.met = 0  # pairs whose product was taken
        self.balance = 0.0  # nanoseconds that cells have saved
        self.settled = 0  # pairs whose float64 distance was taken
        self._pairs: list[_Pairs] = []
        self.cells: Cells | None = None
        if plan.cells > 1:
            self.cells = Cells(points, frame, sq, plan.cells, self.anchored + capacity)
        self._anchor_sq = self._begin()

    def _begin(self) -> FloatArray:
        norms = np.empty(self.anchored)
        for span in spans(self.anchored, self.plan.tile_rows):
            assert self.anchors is not None
            tile = self.anchors.tile(span, self.frame)
            norms[span] = tile.sq
            if self.cells:
                self.cells.add(tile)
        if self.cells:
            for span in spans(len(self.points), self.plan.tile_rows):
                self.cells.assign(span, self.tile(span))
        return norms

    def add(self, rows: Rows) -> None:
        """Make ``rows`` centres; they cannot be picked again."""
        first = self.count - self.anchored
        self.picks[first : first + len(rows)] = rows
        self.count += len(rows)
        self.sqdist[rows] = -1.0
        self.seen[rows] = _NEVER
        self.open[rows] = -1
        if self.cells:
            for span in spans(len(rows), self.plan.tile_rows):
                self.cells.add(self.tile(rows[span]))

    def picked(self) -> Rows:
        """The picks so far."""
        return self.picks[: self.count - self.anchored]

    def upper(self) -> FloatArray:
        """Upper bounds of all rows, ``[n]``; those of stale rows with the help of their cells."""
        if self.cells is None or not self.count:
            return self.sqdist.copy()
        ceiling = self.cells.ceiling()
        ceiling *= self.frame.unit
        upper: FloatArray = np.minimum(self.sqdist, ceiling)
        return upper

    def lower(self, rows: Span = _ALL) -> FloatArray:
        """Lower bounds that go with ``sqdist`` where a row is up to date; -1 for picks."""
        low = self.sqdist[rows].copy()
        at = np.flatnonzero(self.open[rows] >= 0)
        tile, unit = self.tile(slice(0, 1)), self.frame.unit
        low[at] = low_of_high(low[at] / unit, self.sq[rows][at], tile) * unit
        return low

    def stale(self, rows: Rows) -> Rows:
        """Those of ``rows`` that have centres to meet."""
        return rows[self.seen[rows] < self.count]

    def unsettled(self, rows: Rows) -> Rows:
        """Those of ``rows`` whose bounds are not exact for the centres they have met."""
        return rows[self.open[rows] >= 0]

    def settle(self, rows: Rows) -> None:
        """Make the bound of each of ``rows`` exact for the centres it has met."""
        rows = self.unsettled(rows)
        for span in spans(len(rows), self.plan.pairs):
            some = rows[span]
            exact = self._exact(some, self.open[some].astype(np.int64))
            self.sqdist[some] = np.minimum(self.sqdist[some], exact)
        self.open[rows] = -1

    def glance(self, rows: Rows) -> None:
        """Lower the bounds of rows by a few centres that are likely to be near.

        Mostly that is enough to see that a row does not matter now.
        """
        for meeting in self._likely(rows):
            centres = self.centres(np.sort(meeting.centres))
            for span in spans(len(meeting.rows), self.plan.tile_rows):
                some = meeting.rows[span]
                tile = self.tile(some)
                _, high = bounds(row_minimum(tile.offsets(centres)), tile.sq, tile)
                self.met += len(some) * len(centres)
                high = np.maximum(high, 0.0) * self.frame.unit
                self.sqdist[some] = np.minimum(self.sqdist[some], high)

    def approach(self, rows: Rows, upper: FloatArray, floor: float) -> None:
        """Bring ``rows`` up to date, but for those that a glance shows to be below ``floor``.

        Cells are asked where they may save more than they cost, and given up where they do not.
        """
        asked = int((self.count - self.seen[rows]).sum()) * pair_cost(self.points)
        if self.cells is None or asked < 2 * VISIT * (visits := self.cells.among(rows)):
            self.update(rows)
            return
        met = self.met
        self.glance(rows)
        rows = rows[self.sqdist[rows] >= floor]
        self.update_by_cell(rows, np.minimum(upper, self.sqdist))
        self.balance += asked - (self.met - met) * pair_cost(self.points) - visits * VISIT
        if self.balance < -self.plan.patience:
            self.cells = None

    def _likely(self, rows: Rows) -> Iterator[Meeting]:
        if self.cells is not None:
            return self.cells.witnesses(rows, _FEW)
        return iter([Meeting(rows, np.arange(min(self.count, _FEW)))])

    def update(self, rows: Rows) -> None:
        """Bring ``rows`` up to date."""
        self._update(rows, self._alike)

    def update_by_cell(self, rows: Rows, upper: FloatArray) -> None:
        """Bring ``rows`` up to date without the centres that their cells rule out.

        Args:
            rows: which.
            upper: float64 ``[n]``, upper bounds; no centre that may be nearer is passed over.
        """
        assert self.cells is not None
        cells, unit = self.cells, self.frame.unit
        self._update(
            rows, lambda r: cells.meetings(r, self.seen[r].astype(np.int64), upper[r] / unit)
        )

    def _update(self, rows: Rows, meetings: Callable[[Rows], Iterable[Meeting]]) -> None:
        for span in spans(len(rows), ASKED_TILES * self.plan.tile_rows):
            for meeting in meetings(rows[span]):
                self._meet_all(meeting)
            self._conclude()

    def _alike(self, rows: Rows) -> Iterator[Meeting]:
        """Rows that have about as many centres to meet."""
        start = self.seen[rows].astype(np.int64)
        age = np.frexp((self.count - start).astype(np.float64))[1]
        for value in np.unique(age):
            same = age == value
            yield Meeting(rows[same], np.arange(start[same].min(), self.count))

    def _meet_all(self, meeting: Meeting) -> None:
        plan = self.plan
        for centres in spans(len(meeting.centres), plan.tile_centres):
            tile = self.centres(meeting.centres[centres])
            for span in spans(len(meeting.rows), plan.tile_rows):
                mine = self.tile(meeting.rows[span])
                self._meet(meeting.rows[span], mine, meeting.centres[centres], tile)
        self.seen[meeting.rows] = self.count

    def _meet(self, rows: Rows, tile: Tile, at: IntArray, centres: Tile) -> None:
        """Lower the bounds of rows by some centres, and note the pairs that may decide them."""
        unit = self.frame.unit
        table = tile.offsets(centres)
        self.met += len(rows) * len(at)
        before = self.sqdist[rows] / unit
        low, high = bounds(row_minimum(table), tile.sq, tile)
        closer = low < before
        if not closer.any():
            return
        limit = np.minimum(before, np.maximum(high, 0.0))
        self._note_open(rows, tile, before)
        self.sqdist[rows] = np.minimum(limit * unit, self.sqdist[rows])
        limit = np.where(closer, reach(limit, tile.sq, tile), -np.inf)
        row, column = within(table, limit)
        if len(row) > _CROWDED * len(rows) and not centres.tiny < 1e-200:
            self._meet_in_float64(rows[closer], at)
            return
        sq = tile.sq[row]
        low, _ = bounds(entries(table, row, column), sq, tile)
        self._pairs.append(_Pairs(rows[row], at[column], low))
        if sum(len(pairs.row) for pairs in self._pairs) > _NOTED * self.plan.tile_rows:
            self._conclude()

    def _note_open(self, rows: Rows, tile: Tile, before: FloatArray) -> None:
        """Rows that one centre would decide: that centre stays in question."""
        at = np.flatnonzero(self.open[rows] >= 0)
        if len(at):
            low = low_of_high(before[at], tile.sq[at], tile)
            self._pairs.append(_Pairs(rows[at], self.open[rows[at]].astype(np.int64), low))
            self.open[rows[at]] = -1

    def _meet_in_float64(self, rows: Rows, at: IntArray) -> None:
        """Where float32 leaves too many pairs open, float64 products leave few."""
        tile = self.points.tile(rows, self.frame, torch.float64)
        centres = self.centres(at, torch.float64)
        self._meet(rows, tile, at, centres)

    def _conclude(self) -> None:
        """Note the one centre that may decide a row; let float64 judge where there are several."""
        if not self._pairs:
            return
        row, centre, low = (
            np.concatenate([getattr(pairs, name) for pairs in self._pairs])
            for name in ("row", "centre", "low")
        )
        self._pairs = []
        close = low * self.frame.unit <= self.sqdist[row]
        row, centre = row[close], centre[close]
        order = np.argsort(row, kind="stable")
        row, centre = row[order], centre[order]
        new = np.concatenate([[True], row[1:] != row[:-1]]) if len(row) else np.empty(0, bool)
        alone = new & np.append(new[1:], True)
        self.open[row[alone]] = centre[alone]
        self._judge(row[~alone], centre[~alone])

    def _judge(self, rows: Rows, centre: IntArray) -> None:
        """Settle rows, which may repeat, by all the centres that may decide them."""
        for span in spans(len(rows), self.plan.pairs):
            np.minimum.at(self.sqdist, rows[span], self._exact(rows[span], centre[span]))

    def _exact(self, rows: Rows, centre: IntArray) -> FloatArray:
        """Squared distance of each row to the centre beside it."""
        self.settled += len(rows)
        sqdist = np.empty(len(centre))
        own = centre >= self.anchored
        for part, source, at in (
            (own, self.points, self.picks[centre[own] - self.anchored]),
            (~own, self.anchors, centre[~own]),
        ):
            if len(at):
                assert source is not None
                sqdist[part] = self.points.exact(rows[part]).sqdist(source.exact(at))
        return sqdist

    def tile(self, span: slice | Rows) -> Tile:
        """Rows ready for products."""
        return self.points.tile(span, self.frame, sq=self.sq[span])

    def centres(self, at: IntArray, dtype: torch.dtype = torch.float32) -> Tile:
        """The centres ``at``, ascending or all of one kind."""
        wide = dtype == torch.float64
        own = at >= self.anchored
        picks = self.picks[at[own] - self.anchored]
        mine = self.points.tile(picks, self.frame, dtype, sq=None if wide else self.sq[picks])
        if self.anchors is None or own.all():
            return mine
        known = at[~own]
        sq = None if wide else self._anchor_sq[known]
        theirs = self.anchors.tile(known, self.frame, dtype, sq=sq)
        return theirs.join(mine) if len(picks) else theirs
