"""How well every row is covered, and what a candidate would add: bounds, and exactly."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from uwe._types import FloatArray, IntArray, Rows
from uwe.points import Points
from uwe.selection._bounds import spans
from uwe.selection._column import Column, Piece, merged, sums
from uwe.selection._gain import units
from uwe.selection._scene import Scene, rounded_down

__all__ = ["Coverage"]

_AT_ONCE = 2**17  # terms of gains that are summed at once, at most


class Coverage:
    """The largest kernel value between each row and all that is chosen or labelled.

    Attributes:
        covered: float64 ``[n]``.
        floor: the same in the precision of tiles, rounded down; infinite for rows that no candidate
            can cover better to any effect.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.covered = np.zeros(len(scene.points))
        self.floor = np.zeros(len(scene.points), dtype=scene.kind)
        self.floor[scene.weights == 0] = np.inf

    def branch(self) -> Coverage:
        """A copy that may go its own way."""
        other = copy.copy(self)
        other.covered, other.floor = self.covered.copy(), self.floor.copy()
        return other

    def columns(self, candidates: Rows) -> list[Column]:
        """Bounds of the rows that each candidate may cover better."""
        scene, n = self.scene, len(self.covered)
        mine = scene.tile(candidates)
        pieces: list[Piece] = []
        size = max(1, scene.sizes.rows * scene.sizes.centres // max(1, len(candidates)))
        least = np.maximum(self.floor, scene.least)
        for span in spans(n, size):
            bound = scene.bound(candidates, mine, scene.tile(span))
            flat = np.flatnonzero(bound > least[span])
            at, row = np.divmod(flat, bound.shape[1])
            rows = (row + span.start).astype(scene.index)
            counts = np.bincount(at, minlength=len(candidates))
            pieces.append(Piece(rows, scene.encoded(bound.ravel()[flat]), counts, span.start))
        rows, value, ends = merged(pieces, len(candidates))
        return [
            Column(rows[start:stop].copy(), value[start:stop].copy(), start == stop)
            for start, stop in pairwise([0, *ends.tolist()])
        ]

    def gains(self, columns: Sequence[Column]) -> FloatArray:
        """Bounds of the gains of columns that are not exact, in quanta."""
        sizes = np.array([len(column.rows) for column in columns])
        cut = self.scene.sizes
        group = np.cumsum(sizes) // min(_AT_ONCE, max(1024, cut.rows * cut.centres))
        cuts = np.flatnonzero(np.diff(group, prepend=-1)).tolist()
        found = [
            self._gains(columns[first:last], sizes[first:last])
            for first, last in pairwise([*cuts, len(columns)])
        ]
        gains: FloatArray = np.concatenate(found) * ((1 + 1e-9) / self.scene.quantum) + 1.0
        return gains

    def _gains(self, columns: Sequence[Column], sizes: IntArray) -> FloatArray:
        rows = np.concatenate([column.rows for column in columns])
        value = np.concatenate([column.value for column in columns]) * self.scene.step
        value -= self.covered[rows]
        np.maximum(value, 0.0, out=value)
        if not self.scene.plain:
            value *= self.scene.weights[rows]
        return sums(value, sizes)

    def gain(self, column: Column) -> float:
        """The gain of an exact column in quanta."""
        rise = column.value - self.covered[column.rows]
        return float(units(self.scene.weights[column.rows], rise, self.scene.quantum).sum())

    def pruned(self, columns: Sequence[Column]) -> list[Column]:
        """Columns that are not exact without the rows that are covered as well by now."""
        rows = np.concatenate([column.rows for column in columns])
        value = np.concatenate([column.value for column in columns])
        live = value * self.scene.step > self.floor[rows]
        ends = np.cumsum([len(column.rows) for column in columns])
        ends = np.concatenate([[0], np.cumsum(live)])[ends].tolist()
        rows, value = rows[live], value[live]
        return [Column(rows[start:stop], value[start:stop]) for start, stop in pairwise([0, *ends])]

    def settle(self, candidate: int, column: Column) -> Column:
        """The column with exact kernel values, of the rows that may be covered better now."""
        live = column.keep(column.value * self.scene.step > self.floor[column.rows])
        centre = self.scene.points.exact(np.array([candidate]))
        return Column(live.rows, self.scene.values(live.rows.astype(np.int64), centre), exact=True)

    def take(self, rows: IntArray, value: FloatArray) -> None:
        """Note that ``rows`` are covered at least by ``value``, exact kernel values.

        Rows may repeat.
        """
        np.maximum.at(self.covered, rows, value)
        now = self.covered[rows]
        floor = rounded_down(now, self.scene.kind)
        self.floor[rows] = np.where((now < 1.0) & (self.scene.weights[rows] > 0), floor, np.inf)

    def anchor(self, anchors: Points) -> None:
        """Cover the rows by labelled ones."""
        scene = self.scene
        for part in spans(len(anchors), scene.sizes.centres):
            which = np.arange(part.start, part.stop)
            centres = anchors.tile(which, scene.frame, scene.dtype)
            exact = anchors.exact(which)
            for span in spans(len(self.covered), scene.sizes.rows):
                bound = scene.bound(span, scene.tile(span), centres)
                self._cover(span, exact, np.nan_to_num(bound, copy=False, nan=1.0))

    def _cover(self, span: slice, anchors: Any, bound: Any) -> None:
        """First by the anchor that seems nearest, then by those that may be nearer still."""
        rows = np.arange(span.start, span.stop)
        self._meet(rows, anchors, bound.argmax(1))
        close = np.argwhere(bound > self.floor[span][:, None])
        for row, anchor in _pairs(close, self.scene.sizes.pairs):
            self._meet(row + span.start, anchors, anchor)

    def _meet(self, rows: IntArray, anchors: Any, which: IntArray) -> None:
        for span in spans(len(rows), self.scene.sizes.pairs):
            some = rows[span]
            self.take(some, self.scene.values(some, anchors.take(which[span])))


def _pairs(found: IntArray, size: int) -> Iterator[tuple[IntArray, IntArray]]:
    return ((found[part, 0], found[part, 1]) for part in spans(len(found), size))
