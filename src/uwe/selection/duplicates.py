"""Rows that are equal, or nearly so, in groups around the lowest row of each.

Equal rows are found by a hash of their numbers and compared number by number. For a radius, rows
are taken in blocks, in their order. A row whose projection on one direction is farther than the
radius from that of another is farther from it altogether, so a tile of rows with like projections
meets few others. Float32 products say which pairs may be within the radius; float64 decides where
their rounding does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uwe._types import BoolArray, FloatArray, IntArray, Progress, Rows, Stage, is_real
from uwe.errors import InputError
from uwe.points import Array, Dense, Frame, Subset, as_points
from uwe.selection._bounds import bounds, entries, on_host, reach, spans, within
from uwe.selection._norms import Norms, take_norms

__all__ = ["Duplicates", "duplicates"]

_BLOCK = 4096  # rows that are settled together; each pair of them may be noted
_TILE = 256  # rows that meet others at once
_WINDOW = 8192  # rows that a tile meets at once
_READ = 8192  # rows that are hashed at once
_PAIRS = 2**14  # pairs whose float64 distances are taken at once
_SAMPLE = 256
_FARTHEST = 4.0  # of the longest row: no two are farther apart than twice that
_DIRECTIONS = 16
_MANY = 0.005  # of the pairs, from which products are cheaper than the distance of each
_PLAIN = Frame(None, (1.0,), 1.0)
_ROUNDING = 1e-12  # more than the relative rounding of a float64 distance and its root
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_NONE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Duplicates:
    """Groups of rows that are equal, or within a radius of one of them.

    Attributes:
        representative: int64 ``[n]``, the row that stands for each row: itself where no lower row
            does.
        distance: float64 ``[n]``, to the representative.
        radius: that no distance exceeds.
    """

    representative: Rows
    distance: FloatArray = field(repr=False)
    radius: float = 0.0

    def groups(self) -> list[Rows]:
        """The groups of two rows or more, by their representatives; rows rise in each.

        >>> [group.tolist() for group in duplicates(np.array([[0.0], [1.0], [0.0]])).groups()]
        [[0, 2]]
        """
        order = np.argsort(self.representative, kind="stable")
        _, starts = np.unique(self.representative[order], return_index=True)
        return [group for group in np.split(order, starts[1:]) if len(group) > 1]

    @property
    def repeated(self) -> Rows:
        """The rows that another row stands for."""
        return np.flatnonzero(self.representative != np.arange(len(self.representative)))


def duplicates(x: Array, radius: float = 0.0, *, progress: Progress | None = None) -> Duplicates:
    """Group rows that are equal, or that are at most ``radius`` from the lowest row of a group.

    Rows are taken in their order. A row joins the group of the lowest representative at most
    ``radius`` away; a row without one becomes a representative. So no two representatives are
    within the radius of each other, and each row is within it of its own.

    Formula: ``r(i) = min {j < i : r(j) = j, ‖x_i - x_j‖ <= radius}``, else ``i``.

    Args:
        x: n rows of a floating type: an array, a tensor or a memory-mapped file ``[n, d]``.
        radius: at least 0; at 0 rows are equal number by number (-0.0 equals 0.0).
        progress: called with a `Stage` after each block: rows so far, and n.

    Raises:
        InputError: the radius is negative or no number, or a row holds NaN or infinity.

    >>> found = duplicates(np.array([[0.0], [0.3], [0.6], [9.0], [9.0]]), 0.5)
    >>> found.representative.tolist(), found.distance.round(1).tolist()
    ([0, 0, 2, 3, 3], [0.0, 0.3, 0.0, 0.0, 0.0])
    """
    radius = _as_radius(radius)
    points = as_points(x, device="cpu")
    if not isinstance(points, Dense):
        raise InputError(f"duplicates are found among rows [n, d], not {type(x).__name__}")
    n = len(points)
    if not n:
        return Duplicates(np.empty(0, np.int64), np.empty(0), radius)
    norms = take_norms(points, _READ)
    first = _equal_rows(points, progress)
    if radius > 0:
        rows = np.flatnonzero(first == np.arange(n))
        near = _Near(Subset(points, rows), _norms_of(norms, rows), radius)
        first = rows[near.representatives(progress)][np.searchsorted(rows, first)]
    distance = np.zeros(n)
    moved = np.flatnonzero(first != np.arange(n))
    for span in spans(len(moved), _PAIRS):
        some = moved[span]
        distance[some] = _apart(points, some, first[some])
    return Duplicates(first, distance, radius)


def _as_radius(radius: float) -> float:
    if not is_real(radius):
        raise InputError(f"the radius must be a number, not {radius!r}")
    if not 0 <= radius < np.inf:
        raise InputError(f"the radius is {radius}; it must be a finite number of at least 0")
    return float(radius)


def _equal_rows(points: Dense, progress: Progress | None) -> Rows:
    """The lowest row that each row is equal to."""
    keys = np.empty(len(points), dtype=np.uint64)
    factors = np.random.default_rng(0).integers(0, 2**63, points.width, dtype=np.uint64) * 2 + 1
    for span in spans(len(points), _READ):
        numbers = (points.exact(span).x + 0.0).view(np.uint64)  # -0.0 becomes 0.0
        numbers = (numbers ^ (numbers >> _HALF)) * _MIX
        keys[span] = ((numbers ^ (numbers >> _HALF)) * factors).sum(1, dtype=np.uint64)
        if progress is not None:
            progress(Stage("", 0, "compare rows", span.stop, len(points)))
    return _verified(points, keys)


def _verified(points: Dense, keys: np.ndarray[Any, Any]) -> Rows:
    """The lowest equal row, among rows of one key; unequal rows of one key are set apart."""
    first = np.arange(len(points))
    left = first
    while len(left):
        _, lowest, group = np.unique(keys[left], return_index=True, return_inverse=True)
        of = left[lowest][group.ravel()]
        other = left != of
        left, of = left[other], of[other]
        alike = np.concatenate(
            [np.empty(0, bool)]
            + [
                (points.exact(left[span]).x == points.exact(of[span]).x).all(1)
                for span in spans(len(left), _READ)
            ]
        )
        first[left[alike]] = of[alike]
        left = left[~alike]
    return first


def _norms_of(norms: Norms, rows: Rows) -> Norms:
    return Norms(norms.frame, norms.sq[rows], norms.given[rows])


def _apart(points: Dense | Subset, rows: Rows, others: Rows) -> FloatArray:
    """The float64 distance of each row to the other beside it."""
    found: FloatArray = np.sqrt(points.exact(rows).sqdist(points.exact(others)))
    return found


class _Near:
    """Representatives of rows that all differ, for a radius above 0.

    Args:
        points: the rows.
        norms: of them.
        radius: in the units of the rows.
    """

    def __init__(self, points: Subset, norms: Norms, radius: float) -> None:
        self.points = points
        self.norms = norms
        self.radius = radius
        longest = float(np.sqrt(norms.sq.max()))
        reached = min(radius / float(np.sqrt(norms.frame.unit)), _FARTHEST * longest)
        self.limit = reached * reached
        narrow = self._projections()
        self.place = narrow[:, 0].astype(np.float64)
        self.narrow = Dense(narrow)
        tile = self._tile(np.array([0]))
        rounding = 3 * np.sqrt(_DIRECTIONS) * tile.gamma * longest + tile.tiny
        self.width = (reached + rounding) * (1 + 1e-5)
        self.is_sparse = self._is_sparse()

    def representatives(self, progress: Progress | None) -> Rows:
        """The representative of each row."""
        n = len(self.points)
        found = np.arange(n)
        known = np.empty(0, dtype=np.int64)  # representatives, by their projection
        for span in spans(n, _BLOCK):
            rows = np.arange(span.start, span.stop)
            found[rows] = self._lowest(rows, known)
            left = rows[found[rows] == _NONE]
            found[left] = self._among(left)
            new = left[found[left] == left]
            new = new[np.argsort(self.place[new], kind="stable")]
            known = np.insert(known, np.searchsorted(self.place[known], self.place[new]), new)
            if progress is not None:
                progress(Stage("", 0, "near rows", span.stop, n))
        return found

    def _projections(self) -> np.ndarray[Any, Any]:
        """Each row on the few directions in which a sample of the rows differs most."""
        n = len(self.points)
        sample = on_host(self._tile(np.unique(np.linspace(0, n - 1, _SAMPLE).astype(int))).x)
        centred = (sample - sample.mean(0)).astype(np.float64)
        axes = np.linalg.svd(centred, full_matrices=False)[2][:_DIRECTIONS].astype(np.float32)
        narrow = np.empty((n, len(axes)), dtype=np.float32)
        for span in spans(n, _READ):
            rows: Any = self.points.tile(span, self.norms.frame)
            narrow[span] = on_host(rows.x) @ axes.T
        return narrow

    def _tile(self, rows: Rows) -> Any:
        return self.points.tile(rows, self.norms.frame, sq=self.norms.sq[rows])

    def _lowest(self, rows: Rows, known: Rows) -> Rows:
        """The lowest of the known representatives within the radius of each row, or `_NONE`."""
        found = np.full(len(rows), _NONE)
        for row, other in self._pairs(rows, known):
            np.minimum.at(found, row - rows[0], other)
        return found

    def _among(self, rows: Rows) -> Rows:
        """Representatives of rows that no earlier row stands for."""
        by_place = rows[np.argsort(self.place[rows], kind="stable")]
        pairs = list(self._pairs(rows, by_place, below=True))
        found = rows.copy()
        if not pairs:
            return found
        row = np.searchsorted(rows, np.concatenate([each for each, _ in pairs]))
        other = np.searchsorted(rows, np.concatenate([each for _, each in pairs]))
        order = np.argsort(other, kind="stable")
        row, other = row[order], other[order]
        lows, starts = np.unique(other, return_index=True)
        is_free = np.ones(len(rows), dtype=bool)
        ends = np.append(starts, len(row))[1:]
        for low, start, stop in zip(lows, starts, ends, strict=True):
            if is_free[low]:
                near = row[start:stop]
                near = near[is_free[near]]
                found[near] = rows[low]
                is_free[near] = False
        return found

    def _pairs(
        self, rows: Rows, others: Rows, *, below: bool = False
    ) -> Iterator[tuple[Rows, Rows]]:
        """Rows, and those of ``others`` within the radius of them.

        Args:
            rows: any.
            others: by their projection.
            below: only those below the row.
        """
        by_place = rows[np.argsort(self.place[rows], kind="stable")]
        places = self.place[others]
        for span in spans(len(by_place), _TILE):
            mine = by_place[span]
            low, high = self.place[mine[[0, -1]]] + (-self.width, self.width)
            start, stop = np.searchsorted(places, (low, np.nextafter(high, np.inf)))
            for part in spans(stop - start, _WINDOW):
                yield self._within(mine, others[start:stop][part], below=below)

    def _within(self, mine: Rows, theirs: Rows, *, below: bool) -> tuple[Rows, Rows]:
        """The pairs within the radius."""
        row, column, sure = (self._by_directions if self.is_sparse else self._by_products)(
            mine, theirs
        )
        if below:
            kept = theirs[column] < mine[row]
            row, column, sure = row[kept], column[kept], sure[kept]
        unsure = np.flatnonzero(~sure)
        for span in spans(len(unsure), _PAIRS):
            at = unsure[span]
            apart = _apart(self.points, mine[row[at]], theirs[column[at]])
            sure[at] = apart <= self.radius
        return mine[row[sure]], theirs[column[sure]]

    def _by_directions(self, mine: Rows, theirs: Rows) -> tuple[IntArray, IntArray, BoolArray]:
        """The pairs that a few directions do not rule out; none is sure."""
        tile = self.narrow.tile(mine, _PLAIN)
        table = tile.offsets(self.narrow.tile(theirs, _PLAIN))
        row, column = within(table, reach(np.full(len(mine), self.width**2), tile.sq, tile))
        return row, column, np.zeros(len(row), dtype=bool)

    def _by_products(self, mine: Rows, theirs: Rows) -> tuple[IntArray, IntArray, BoolArray]:
        """The pairs that products do not rule out, and whether they are within the radius."""
        tile = self._tile(mine)
        table = tile.offsets(self._tile(theirs))
        limit = np.full(len(mine), self.limit * (1 + _ROUNDING))
        row, column = within(table, reach(limit, tile.sq, tile))
        _, most = bounds(entries(table, row, column), tile.sq[row], tile)
        return row, column, most <= self.limit * (1 - _ROUNDING)

    def _is_sparse(self) -> bool:
        """Whether few pairs of a sample are near in a few directions: products cost more then."""
        n = len(self.points)
        some = np.unique(np.linspace(0, n - 1, _SAMPLE).astype(int))
        row, _, _ = self._by_directions(some, some)
        return len(row) - len(some) <= _MANY * len(some) ** 2
