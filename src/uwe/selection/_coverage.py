"""How well every row is covered, and what a candidate would add: bounds in blocks, and exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from uwe._types import BoolArray, FloatArray, IntArray, Rows
from uwe.points import Frame, Points, Tile
from uwe.selection._bounds import spans
from uwe.selection._gain import Kernel, units

__all__ = ["Column", "Coverage", "Sizes"]

_POOR = 0.02  # what float32 may add to d²/r², above which tiles are float64
_NO_EFFECT = 2.0**-57  # of a quantum: it makes no term and, subtracted, rounds no term down
_STEEP = 1e30  # 1/r² in units of the tiles, above which float32 might overflow
_LARGEST = {torch.float32: 1e37, torch.float64: 1e290}  # d²/r² that is told from larger ones


@dataclass(frozen=True)
class Sizes:
    """How the work is cut.

    Attributes:
        rows: of a tile.
        centres: that a tile meets at once.
        pairs: whose float64 distances are taken at once.
        columns: bytes of columns that are kept.
    """

    rows: int = 1024
    centres: int = 1024
    pairs: int = 512
    columns: int = 2**28


@dataclass(frozen=True)
class Column:
    """The rows that one candidate may cover better than they are covered now.

    Attributes:
        rows: int64 ``[m]``, ascending.
        value: kernel values: exact in float64, else upper bounds.
        exact: whether they are exact.
    """

    rows: IntArray
    value: Any
    exact: bool

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return int(self.rows.nbytes + self.value.nbytes) + 200

    def keep(self, which: BoolArray) -> Column:
        """Some of its rows."""
        return Column(self.rows[which], self.value[which], self.exact)


class Coverage:
    """The largest kernel value between each row and all that is chosen or labelled.

    Attributes:
        covered: float64 ``[n]``.
        floor: the same in the precision of tiles, rounded down; infinite for rows that no candidate
            can cover better to any effect.
        least: kernel values up to it change no term by a quantum.
    """

    def __init__(
        self,
        points: Points,
        frame: Frame,
        sq: FloatArray,
        kernel: Kernel,
        radius: float,
        weights: FloatArray,
        quantum: float,
        sizes: Sizes,
    ) -> None:
        self.points, self.frame, self.kernel = points, frame, kernel
        self.sqradius = radius * radius
        self.weights, self.quantum, self.sizes = weights, quantum, sizes
        scale = frame.unit / self.sqradius
        gamma = points.tile(slice(0, 1), frame).gamma
        poor = scale > _STEEP or 8 * gamma * float(sq.max(initial=0.0)) * scale > _POOR
        self.dtype = torch.float64 if poor else torch.float32
        self._shape(self._norms(frame) if poor else sq, scale)
        self.covered = np.zeros(len(points))
        self.floor = np.zeros(len(points), dtype=self.kind)
        self.floor[weights == 0] = np.inf
        self.unit = 2.0 ** math.frexp(float(weights.max(initial=1e-300)))[1]
        self.heavy = _rounded_up(weights / self.unit, self.kind)
        least = _NO_EFFECT * quantum / float(weights.max(initial=1e-300))
        self.least = self.kind(min(0.5, least))

    def _norms(self, frame: Frame) -> FloatArray:
        cut = spans(len(self.points), self.sizes.rows)
        return np.concatenate([self.points.tile(span, frame, self.dtype).sq for span in cut])

    def _shape(self, sq: FloatArray, scale: float) -> None:
        """The line ``base - slope · offset`` that bounds ``-d²/r²`` of a row from above.

        With q = ‖x‖² in the tile's units, ``d² >= (offset + q - 8γq) / (1 + 6γ)``; see `bounds`.
        What follows in working precision is rounded a few times more.
        """
        tile = self.points.tile(slice(0, 1), self.frame, self.dtype)
        self.kind: Any = np.float32 if self.dtype == torch.float32 else np.float64
        eps = float(np.finfo(self.kind).eps)
        self.sq = sq
        most = _LARGEST[self.dtype] / max(1.0, float(sq.max(initial=0.0)))
        scale = min(scale, most) * (1 - 1e-13) / (1 + 6 * tile.gamma)
        near = sq * (1 - 8 * tile.gamma) - tile.tiny
        self.slope = scale * (1 - 4 * eps)
        base = -scale * near * (1 - 4 * eps) + 8 * eps * scale * sq + 8 * eps
        self.base = _rounded_up(base, self.kind)
        self.slack = 8 * eps

    def tile(self, span: Any) -> Tile:
        """Some rows, ready for products."""
        return self.points.tile(span, self.frame, self.dtype, sq=self.sq[span])

    def kernel_bound(self, span: slice, tile: Tile, centres: Tile) -> torch.Tensor:
        """Upper bounds of the kernel between rows and centres ``[m, j]``."""
        table = tile.offsets(centres)
        bound = torch.from_numpy(table) if isinstance(table, np.ndarray) else table
        base = torch.from_numpy(self.base[span]).to(bound.device)
        bound.mul_(-self.slope).add_(base[:, None])
        return self.kernel.raise_(bound)

    def gain_bounds(self, candidates: Rows) -> FloatArray:
        """An upper bound, in quanta, of the gain of each candidate."""
        if len(candidates) == len(self.points):
            return self._gain_bounds_of_all()
        total = np.zeros(len(candidates))
        for part in spans(len(candidates), self.sizes.centres):
            centres = self.tile(candidates[part])
            for span in spans(len(self.points), self.sizes.rows):
                total[part] += self._terms(span, self.tile(span), centres)
        return self._in_quanta(total, self.sizes.rows)

    def _terms(self, span: slice, tile: Tile, centres: Tile) -> FloatArray:
        bound = self.kernel_bound(span, tile, centres)
        floor, heavy = self._at(span, bound)
        return _sum(bound.sub_(floor[:, None]).clamp_min_(0.0).T, heavy)

    def _gain_bounds_of_all(self) -> FloatArray:
        """As the kernel is symmetric, each pair is met once."""
        n, size = len(self.points), self.sizes.rows
        total = np.zeros(n)
        for mine in spans(n, size):
            tile = self.tile(mine)
            for theirs in spans(n, size):
                if theirs.start < mine.start:
                    continue
                centres = tile if theirs == mine else self.tile(theirs)
                bound = self.kernel_bound(mine, tile, centres)
                if theirs != mine:
                    floor, heavy = self._at(theirs, bound)
                    rise = bound if not self.covered[theirs].any() else bound - floor
                    total[mine] += _sum(rise.clamp_min_(0.0) if rise is not bound else rise, heavy)
                floor, heavy = self._at(mine, bound)
                total[theirs] += _sum(bound.sub_(floor[:, None]).clamp_min_(0.0).T, heavy)
        return self._in_quanta(total, size)

    def _at(self, span: slice, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        floor = torch.from_numpy(self.floor[span]).to(like.device)
        return floor, torch.from_numpy(self.heavy[span]).to(like.device)

    def _in_quanta(self, total: FloatArray, terms: int) -> FloatArray:
        eps = float(np.finfo(self.kind).eps)
        factor = (1 + self.slack) * (1 + (terms + 8) * eps) * (self.unit / self.quantum)
        raised: FloatArray = total * factor
        return raised + 1.0

    def columns(self, candidates: Rows) -> list[Column]:
        """Bounds of the rows that each candidate may cover better."""
        centres = self.tile(candidates)
        parts: list[list[tuple[IntArray, Any]]] = [[] for _ in candidates]
        size = max(64, min(2**21 // max(1, len(candidates)), 2**15))
        for span in spans(len(self.points), size):
            bound = self.kernel_bound(span, self.tile(span), centres)
            floor, _ = self._at(span, bound)
            across = bound.T.contiguous()
            at = (across > floor.clamp_min(float(self.least))).nonzero(as_tuple=True)
            ends = np.cumsum(torch.bincount(at[0], minlength=len(candidates)).cpu().numpy())
            rows = at[1].cpu().numpy() + span.start
            values = across[at].cpu().numpy()
            for part, start, stop in zip(parts, [0, *ends[:-1]], ends, strict=True):
                if stop > start:
                    part.append((rows[start:stop], values[start:stop]))
        return [self._joined(part) for part in parts]

    def _joined(self, part: list[tuple[IntArray, Any]]) -> Column:
        if not part:
            return Column(np.empty(0, dtype=np.int64), np.empty(0), exact=True)
        rows, values = (np.concatenate(each) for each in zip(*part, strict=True))
        return Column(rows, values, exact=False)

    def bound_of(self, column: Column) -> float:
        """The gain, or a bound of it, in quanta, from a column."""
        if column.exact:
            rise = column.value - self.covered[column.rows]
            return float(units(self.weights[column.rows], rise, self.quantum).sum())
        rise = column.value.astype(np.float64) * (1 + self.slack) - self.covered[column.rows]
        total = float(self.weights[column.rows] @ np.maximum(rise, 0.0))
        return total * (1 + 1e-9) / self.quantum + 1.0

    def current(self, column: Column) -> Column:
        """The column without rows that are covered as well by now, where those are many."""
        live = column.value > self.floor[column.rows]
        return column if live.sum() * 2 > len(live) else column.keep(live)

    def settle(self, candidate: int, column: Column) -> Column:
        """The column with exact kernel values."""
        live = column.keep(column.value > self.floor[column.rows])
        centre = self.points.exact(np.array([candidate]))
        return Column(live.rows, self._values(live.rows, centre), exact=True)

    def _values(self, rows: IntArray, centre: Any) -> FloatArray:
        value = np.empty(len(rows))
        for span in spans(len(rows), self.sizes.pairs):
            value[span] = self.points.exact(rows[span]).sqdist(centre)
        return self.kernel.of(value, self.sqradius)

    def take(self, rows: IntArray, value: FloatArray) -> None:
        """Note that ``rows`` are covered at least by ``value``, exact kernel values.

        Rows may repeat.
        """
        np.maximum.at(self.covered, rows, value)
        now = self.covered[rows]
        floor = _rounded_down(now, self.kind)
        self.floor[rows] = np.where((now < 1.0) & (self.weights[rows] > 0), floor, np.inf)

    def anchor(self, anchors: Points) -> None:
        """Cover the rows by labelled ones."""
        for part in spans(len(anchors), self.sizes.centres):
            which = np.arange(part.start, part.stop)
            centres = anchors.tile(which, self.frame, self.dtype)
            exact = anchors.exact(which)
            for span in spans(len(self.points), self.sizes.rows):
                bound = self.kernel_bound(span, self.tile(span), centres).nan_to_num_(1.0)
                self._cover(span, exact, bound)

    def _cover(self, span: slice, anchors: Any, bound: torch.Tensor) -> None:
        """First by the anchor that seems nearest, then by those that may be nearer still."""
        rows = np.arange(span.start, span.stop)
        self._meet(rows, anchors, bound.argmax(1).cpu().numpy())
        floor, _ = self._at(span, bound)
        for row, anchor in _pairs((bound > floor[:, None]).nonzero(), self.sizes.pairs):
            self._meet(row + span.start, anchors, anchor)

    def _meet(self, rows: IntArray, anchors: Any, which: IntArray) -> None:
        for span in spans(len(rows), self.sizes.pairs):
            some = rows[span]
            sqdist = self.points.exact(some).sqdist(anchors.take(which[span]))
            value = self.kernel.of(sqdist, self.sqradius)
            self.take(some, value)


def _pairs(at: torch.Tensor, size: int) -> Iterator[tuple[IntArray, IntArray]]:
    found = at.cpu().numpy()
    return ((found[part, 0], found[part, 1]) for part in spans(len(found), size))


def _sum(table: torch.Tensor, weights: torch.Tensor) -> FloatArray:
    total: FloatArray = (table @ weights).cpu().numpy().astype(np.float64)
    return total


def _rounded_up(values: FloatArray, kind: Any) -> Any:
    near = values.astype(kind)
    return np.where(near < values, np.nextafter(near, kind(np.inf)), near)


def _rounded_down(values: FloatArray, kind: Any) -> Any:
    near = values.astype(kind)
    return np.where(near > values, np.nextafter(near, kind(-np.inf)), near)
