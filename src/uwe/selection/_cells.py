"""Cells of rows about pivots: which centres cannot come near a row, by the triangle inequality.

A row x of the cell about pivot p is at least ``|d(c, p) - d(x, p)|`` from a centre c. Where that
exceeds what is known of x's nearest centre, c need not be met: the half-radius rule for groups
of rows, and norms as a lower bound where the pivot is the origin. The other side of the
triangle gives every row an upper bound from its pivot's nearest centre, without any product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from uwe._types import FloatArray, IntArray, Rows
from uwe.points import Frame, Points, Tile
from uwe.selection._bounds import bounds, on_host

__all__ = ["Cells", "Meeting"]

_SAMPLE = 32  # rows of which pivots are chosen, for each pivot
_SAFE = 1e-6  # more than the relative rounding of a float32 distance that is stored


@dataclass(frozen=True)
class Meeting:
    """Rows that have the same centres to meet."""

    rows: Rows
    centres: IntArray


class Cells:
    """Each row in the cell of its nearest pivot.

    Distances are in units of the tiles, float32, rounded outward.

    Attributes:
        cell: ``[n]``.
        near: ``[2, n]``, least and greatest distance of each row to its pivot.
        far: ``[2, cells, centres]``, least and greatest distance of each centre to each pivot.
        cover: float64 ``[cells]``, of each pivot to its nearest centre at most.
    """

    def __init__(self, points: Points, frame: Frame, sq: FloatArray, cells: int, most: int) -> None:
        self.pivots = _pivots(points, frame, sq, cells)
        self.cell = np.zeros(len(points), dtype=np.int16)
        self.near = np.zeros((2, len(points)), dtype=np.float32)
        self.far = np.empty((2, len(self.pivots), most), dtype=np.float32)
        self.cover = np.full(len(self.pivots), np.inf)
        self.count = 0

    def assign(self, span: slice, tile: Tile) -> None:
        """Find the cells of some rows."""
        offsets = on_host(tile.offsets(self.pivots))
        cell = offsets.argmin(1)
        least = offsets[np.arange(len(cell)), cell].astype(np.float64)
        self.cell[span] = cell
        self.near[:, span] = _distances(*bounds(least, tile.sq, tile))

    def add(self, centres: Tile) -> None:
        """Measure new centres from the pivots."""
        offsets = on_host(centres.offsets(self.pivots))
        sq = np.broadcast_to(centres.sq[:, None], offsets.shape)
        far = _distances(*bounds(offsets.astype(np.float64), sq, centres))
        new = slice(self.count, self.count + len(centres))
        self.far[:, :, new] = far.transpose(0, 2, 1)
        self.cover = np.minimum(self.cover, far[1].min(0).astype(np.float64))
        self.count = new.stop

    def ceiling(self) -> FloatArray:
        """What the squared distance of each row to its nearest centre is at most, ``[n]``."""
        ceiling = self.cover[self.cell]
        ceiling += self.near[1]
        ceiling *= ceiling
        ceiling *= 1 + 1e-12
        return ceiling

    def among(self, rows: Rows) -> int:
        """In how many cells rows lie."""
        return len(np.unique(self.cell[rows]))

    def meetings(self, rows: Rows, start: IntArray, limit: FloatArray) -> Iterator[Meeting]:
        """Rows by cell, each group with the centres that may lie within the limits.

        Args:
            rows: which.
            start: the first centre that each has not met.
            limit: a squared distance for each, in units of the tiles.
        """
        if not len(rows):
            return
        order = np.argsort(self.cell[rows], kind="stable")
        rows, start, radius = rows[order], start[order], np.sqrt(np.maximum(limit[order], 0.0))
        firsts, ends = self._runs(rows)
        most = np.maximum.reduceat(self.near[1][rows] + radius, firsts) * (1 + _SAFE)
        least = np.minimum.reduceat(self.near[0][rows] - radius, firsts)
        least -= _SAFE * np.abs(least)
        since = np.minimum.reduceat(start, firsts)
        for at, (first, end) in enumerate(zip(firsts.tolist(), ends.tolist(), strict=True)):
            own, new = self.cell[rows[first]], slice(int(since[at]), self.count)
            close = self.far[0, own, new] <= np.float32(most[at])
            close &= self.far[1, own, new] >= np.float32(least[at])
            yield Meeting(rows[first:end], np.flatnonzero(close) + new.start)

    def witnesses(self, rows: Rows, most: int) -> Iterator[Meeting]:
        """Rows by cell, each group with some centres that are near its pivot."""
        rows = rows[np.argsort(self.cell[rows], kind="stable")]
        for first, end in zip(*self._runs(rows), strict=True):
            far = self.far[1, self.cell[rows[first]], : self.count]
            few = min(most, len(far))
            yield Meeting(rows[first:end], np.argpartition(far, few - 1)[:few])

    def _runs(self, rows: Rows) -> tuple[IntArray, IntArray]:
        """Where rows of another cell begin, and where they end."""
        cell = self.cell[rows]
        firsts = np.flatnonzero(np.concatenate([[len(rows) > 0], cell[1:] != cell[:-1]]))
        return firsts, np.append(firsts[1:], len(rows))[: len(firsts)]


def _distances(low: FloatArray, high: FloatArray) -> FloatArray:
    """Square roots, in float32, rounded outward."""
    least = np.sqrt(np.maximum(low, 0.0)) * (1 - _SAFE)
    most = np.sqrt(np.maximum(high, 0.0)) * (1 + _SAFE)
    return np.stack([least, most]).astype(np.float32)


def _pivots(points: Points, frame: Frame, sq: FloatArray, cells: int) -> Tile:
    """Rows far from each other: greedy k-center of a few, at working precision."""
    step = max(1, len(points) // (cells * _SAMPLE))
    rows = np.arange(0, len(points), step)
    tile = points.tile(rows, frame, sq=sq[rows])
    best = np.full(len(rows), np.inf)
    chosen = [int(tile.sq.argmax())]
    for _ in range(min(cells, len(rows)) - 1):
        gap = on_host(tile.offsets(tile.take(slice(chosen[-1], chosen[-1] + 1))))
        np.minimum(best, gap[:, 0] + tile.sq, out=best)
        chosen.append(int(best.argmax()))
    return tile.take(np.array(chosen))
