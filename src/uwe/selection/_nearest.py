"""How far each row is from its nearest centre, as far as it is known.

Distances to a growing set only fall, so an old distance is an upper bound. ``Nearest`` keeps such
bounds and brings those of chosen rows up to date: matrix products say which centres may matter,
the float64 distances of ``Exact`` say what is so. A row that has met every centre knows its
distance exactly, to the last bit, whatever the order or the blocks in which it met them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from uwe._types import IntArray, Rows
from uwe.errors import InputError
from uwe.points import BoolArray, FloatArray, Frame, Points, Span, Tile
from uwe.selection._plan import Plan
from uwe.selection._validation import require_finite

__all__ = ["Nearest", "bounds", "longest", "norm_leader", "reach"]

_CANONICAL = 1e-13  # more than the relative rounding of a float64 distance
_NEVER = np.iinfo(np.int32).max  # picked rows meet no more centres
_FAR = 0.5  # of the floor
_CROWDED = 16  # pairs left to float64 for each row, above which a float64 product is cheaper


def bounds(offset: FloatArray, tile: Tile, unit: float) -> tuple[FloatArray, FloatArray]:
    """What a squared distance is at least and at most, from its offset in a tile.

    Formula: with ``q = ‖x‖²`` and ``t = offset + q``, ``(t - 8γq) / (1 + 6γ)`` and
    ``(t + 8γq) / (1 - 6γ)``. Rounding moves t by at most ``γ((|x| + |c|)² + 2|c|²)``, and
    ``|c|² <= 2|x|² + 2‖x - c‖²``; so the bound needs neither centre nor order of summation.
    """
    square = _host64(tile.sq).reshape((-1,) + (1,) * (offset.ndim - 1))
    slack = 8 * tile.gamma * square + _underflow(tile.sq)
    low = _low(offset, tile.sq, tile.gamma, unit)
    high = (offset + square + slack) * (unit * (1 + _CANONICAL) / (1 - 6 * tile.gamma))
    return low, high


def _low(offset: FloatArray, sq: torch.Tensor, gamma: float, unit: float) -> FloatArray:
    """The lower of the two ``bounds``."""
    square = _host64(sq).reshape((-1,) + (1,) * (offset.ndim - 1))
    slack = 8 * gamma * square + _underflow(sq)
    low: FloatArray = (offset + square - slack) * (unit * (1 - _CANONICAL) / (1 + 6 * gamma))
    return low


def reach(limit: FloatArray, sq: torch.Tensor, gamma: float, unit: float) -> FloatArray:
    """The largest offset whose lower bound is at most ``limit``; ``bounds`` turned round."""
    square = _host64(sq)
    slack = 8 * gamma * square + _underflow(sq)
    top = limit * ((1 + 6 * gamma) * (1 + 2 * _CANONICAL) / unit) - square + slack
    return top + 1e-6 * np.abs(top)  # it is compared with float32 numbers


def _low_of_high(high: FloatArray, tile: Tile, unit: float) -> FloatArray:
    """The lower bound that goes with an upper bound."""
    slack = 8 * tile.gamma * _host64(tile.sq) + _underflow(tile.sq)
    gap = high * ((1 - 6 * tile.gamma) * (1 - 2 * _CANONICAL) / unit) - 2 * slack
    return gap * (unit * (1 - _CANONICAL) / (1 + 6 * tile.gamma)) - 1e-12 * np.abs(high)


def _underflow(sq: torch.Tensor) -> float:
    return 1e-36 if sq.dtype == torch.float32 else 1e-290


@dataclass(frozen=True)
class _Pairs:
    """Rows of a chunk with centres that may be their nearest: only float64 can tell."""

    row: IntArray
    centre: IntArray
    low: FloatArray

    def where(self, kept: BoolArray) -> _Pairs:
        return _Pairs(self.row[kept], self.centre[kept], self.low[kept])


class _Chunk:
    """Rows that meet centres together: their bounds, and the pairs that may decide them."""

    def __init__(self, rows: Rows, tile: Tile, bound: FloatArray, pairs: list[_Pairs]) -> None:
        self.rows = rows
        self.tile = tile
        self.bound = bound.copy()
        self.pairs = pairs

    def open_pairs(self) -> _Pairs:
        """The pairs that the bounds as they are now leave open."""
        if not self.pairs:
            none = np.empty(0, dtype=np.int64)
            return _Pairs(none, none, np.empty(0))
        joined = _Pairs(
            np.concatenate([pairs.row for pairs in self.pairs]),
            np.concatenate([pairs.centre for pairs in self.pairs]),
            np.concatenate([pairs.low for pairs in self.pairs]),
        )
        return joined.where(joined.low <= self.bound[joined.row])

    def keep(self, which: BoolArray) -> _Chunk:
        """The rows at ``which`` alone."""
        at, place = np.flatnonzero(which), np.cumsum(which) - 1
        pairs = self.open_pairs()
        pairs = pairs.where(which[pairs.row])
        moved = [_Pairs(place[pairs.row], pairs.centre, pairs.low)]
        return _Chunk(self.rows[at], self.tile.take(at), self.bound[at], moved)


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
        self, points: Points, capacity: int, plan: Plan, frame: Frame, anchors: Points | None
    ) -> None:
        self.points = points
        self.anchors = anchors
        self.frame = frame
        self.plan = plan
        self.sqdist = np.full(len(points), np.inf)
        self.seen = np.zeros(len(points), dtype=np.int32)
        self.open = np.full(len(points), -1, dtype=np.int32)
        self.picks = np.empty(capacity, dtype=np.int64)
        self.settled = 0
        self.met = 0  # pairs whose product was taken, for the benchmarks
        self._tiles: dict[tuple[bool, int, torch.dtype], Tile] = {}
        self._spare = plan.kept  # rows of centres that there is room for
        self._anchored = 0 if anchors is None else len(anchors)
        self.count = self._anchored

    def add(self, rows: Rows) -> None:
        """Make ``rows`` centres; they cannot be picked again."""
        first = self.count - self._anchored
        self.picks[first : first + len(rows)] = rows
        self.count += len(rows)
        self.sqdist[rows] = -1.0
        self.seen[rows] = _NEVER

    def stale(self, rows: Rows) -> Rows:
        """Those of ``rows`` that have centres to meet."""
        return rows[self.seen[rows] < self.count]

    def debt(self) -> float:
        """Multiplications that would bring every row up to date."""
        return float(np.maximum(self.count - self.seen, 0).sum()) * self.points.width

    def unsettled(self, rows: Rows) -> Rows:
        """Those of ``rows`` whose bounds are not exact for the centres they have met."""
        return rows[self.open[rows] >= 0]

    def settle(self, rows: Rows) -> None:
        """Take the float64 distance that makes the bound of each of ``rows`` exact."""
        for span in _spans(len(rows), self.plan.pairs):
            some = rows[span]
            exact = self._exact(some, self.open[some].astype(np.int64))
            self.sqdist[some] = np.minimum(self.sqdist[some], exact)
        self.open[rows] = -1

    def floor(self, m: int) -> float:
        """What the m-th of the first rows has at least: the m-th largest that is up to date."""
        known = self.sqdist[self.seen == self.count]
        return float(np.partition(known, -m)[-m]) if len(known) >= m else -1.0

    def bound(self) -> None:
        """Give every row a first bound from the first centres, without any float64 distance."""
        centres = self._centres(0, torch.float32)
        for span in _spans(len(self.points), self.plan.tile_rows):
            tile = self.points.tile(span, self.frame)
            self.met += len(tile) * len(centres)
            _, high = bounds(_least(tile.offsets(centres)), tile, self.frame.unit)
            self.sqdist[span] = np.minimum(self.sqdist[span], np.maximum(high, 0.0))

    def update(self, rows: Rows, floor: float = -1.0) -> None:
        """Bring ``rows`` up to date; one that falls to ``floor`` or below may stay behind."""
        for chunk in self._alike(rows):
            self._update(chunk, floor)

    def _alike(self, rows: Rows) -> Iterator[Rows]:
        """Chunks of rows that have about as many centres to meet."""
        age = np.frexp((self.count - self.seen[rows]).astype(np.float64))[1]
        for value in np.unique(age):
            same = rows[age == value]
            for span in _spans(len(same), self.plan.tile_rows):
                yield same[span]

    def _update(self, rows: Rows, floor: float) -> None:
        """Meet all centres in turn; rows that sink below the floor leave on the way."""
        chunk = self._chunk(rows)
        at = int(self.seen[rows].min())
        while at < self.count and len(chunk.rows):
            at += self._meet(chunk, at)
            chunk = self._leave(chunk, at, floor)

    def _chunk(self, rows: Rows) -> _Chunk:
        tile, known = self.points.tile(rows, self.frame), self.sqdist[rows]
        at = np.flatnonzero(self.open[rows] >= 0)
        if not len(at):
            return _Chunk(rows, tile, known, [])
        low = _low_of_high(known[at], tile.take(at), self.frame.unit)
        return _Chunk(rows, tile, known, [_Pairs(at, self.open[rows[at]].astype(np.int64), low)])

    def _meet(self, chunk: _Chunk, at: int) -> int:
        """Lower the chunk's bounds by the next centres, and note the pairs that may decide them.

        Returns:
            How many centres were met.
        """
        tile, unit = chunk.tile, self.frame.unit
        offsets = tile.offsets(self._centres(at, tile.sq.dtype))
        self.met += offsets.numel()
        low, high = bounds(_least(offsets), tile, unit)
        closer = np.flatnonzero(low < chunk.bound)
        if len(closer):
            chunk.bound[closer] = np.minimum(chunk.bound[closer], high[closer])
            row, centre = _close(offsets, closer, chunk, unit)
            if len(row) > _CROWDED * len(closer) and tile.sq.dtype == torch.float32:
                self._meet_in_float64(chunk, closer, at)
            else:
                chunk.pairs.append(
                    _Pairs(row, centre + at, _lows(offsets, row, centre, tile, unit))
                )
        return offsets.shape[1]

    def _meet_in_float64(self, chunk: _Chunk, which: IntArray, at: int) -> None:
        """Where float32 leaves too many pairs open, float64 products leave few."""
        tile = self.points.tile(chunk.rows[which], self.frame, torch.float64)
        narrow = _Chunk(chunk.rows[which], tile, chunk.bound[which], [])
        self._meet(narrow, at)
        chunk.bound[which] = narrow.bound
        for pairs in narrow.pairs:
            chunk.pairs.append(_Pairs(which[pairs.row], pairs.centre, pairs.low))

    def _leave(self, chunk: _Chunk, at: int, floor: float) -> _Chunk:
        """Write down the rows that have met every centre or that fell below the floor.

        Those far below it keep a bound and nothing else: they will not be asked for soon.
        """
        done = at == self.count
        gone = chunk.bound < floor
        if not done and not gone.sum() > 0.25 * len(gone):
            return chunk
        far = chunk.bound < _FAR * floor
        self.sqdist[chunk.rows[far]] = chunk.bound[far]
        leaving = ~far & (gone | done)
        self._write(chunk, leaving, at)
        return chunk.keep(~far & ~leaving)

    def _write(self, chunk: _Chunk, which: BoolArray, at: int) -> None:
        """Note the bounds of some rows; settle those that more than one centre may decide."""
        rows = chunk.rows[which]
        self.seen[rows] = np.maximum(self.seen[rows], at)
        pairs = chunk.open_pairs()
        pairs = pairs.where(which[pairs.row])
        several = np.bincount(pairs.row, minlength=len(which)) > 1
        single = pairs.where(~several[pairs.row])
        self.sqdist[chunk.rows[single.row]] = chunk.bound[single.row]
        self.open[chunk.rows[single.row]] = single.centre
        rest = pairs.where(several[pairs.row])
        self._judge(chunk.rows[rest.row], rest.centre)

    def _judge(self, rows: Rows, centre: IntArray) -> None:
        """Settle rows, which may repeat, by all the centres that may decide them."""
        self.open[rows] = -1
        for span in _spans(len(rows), self.plan.pairs):
            np.minimum.at(self.sqdist, rows[span], self._exact(rows[span], centre[span]))

    def _exact(self, rows: Rows, centre: IntArray) -> FloatArray:
        """Squared distance of each row to the centre beside it."""
        self.settled += len(rows)
        mine = self.points.exact(_span_of(rows))
        if self.anchors is None:
            alike = len(centre) > 1 and not (centre != centre[0]).any()
            return mine.sqdist(self.points.exact(self.picks[centre[:1] if alike else centre]))
        sqdist = np.empty(len(centre))
        first = centre < self._anchored
        for part, source, at in (
            (first, self.anchors, centre[first]),
            (~first, self.points, self.picks[centre[~first] - self._anchored]),
        ):
            if len(at):
                sqdist[part] = mine.take(np.flatnonzero(part)).sqdist(source.exact(at))
        return sqdist

    def _centres(self, start: int, dtype: torch.dtype) -> Tile:
        """The next centres from ``start``, as many as a tile has, up to the last anchor."""
        whole, source, rows = self._anchored, self.anchors, np.empty(0, dtype=np.int64)
        if start >= self._anchored:
            whole, source, rows = self.count - self._anchored, self.points, self.picks
            start -= self._anchored
        assert source is not None
        size = self.plan.tile_centres
        first = start - start % size
        last = min(whole, first + size)
        key = (source is self.points, first, dtype)
        tile = self._tiles.get(key)
        if tile is None or len(tile) < last - first:
            at = rows[first:last] if source is self.points else slice(first, last)
            tile = source.tile(at, self.frame, dtype)
            if key in self._tiles or self._spare >= size:
                self._spare -= 0 if key in self._tiles else size
                self._tiles[key] = tile
        return tile.part(slice(start - first, None))


def norm_leader(near: Nearest, *, leader: bool = True) -> int:
    """The row with the largest norm as given, the lowest of equals; looks at every row once.

    Gives float32 work a unit that fits, where a row proves too large for the one in ``near``.

    Raises:
        InputError: a row holds NaN or infinity, or numbers too large to be squared.
    """
    points, plan = near.points, near.plan
    sizes = _sizes(points, near.frame, plan)
    if not np.isfinite(sizes).all():
        require_finite(points)
        long = np.flatnonzero(~np.isfinite(sizes))[:256]
        near.frame = points.frame(
            np.union1d(np.arange(0, len(points), 1 + len(points) // 256), long)
        )
        sizes = _sizes(points, near.frame, plan)
        if not np.isfinite(sizes).all():
            row = int(np.flatnonzero(~np.isfinite(sizes))[0])
            raise InputError(f"row {row} is too long for its norm to be squared; scale down")
    if not leader:
        return -1
    return longest(points, sizes, points.tile(slice(0, 1), near.frame).gamma, plan)


def longest(points: Points, sizes: Any, gamma: float, plan: Plan) -> int:
    """The row with the largest norm as given, from squared norms rounded as float32 rounds."""
    rows = np.flatnonzero(sizes >= sizes.max() * (1 - 4 * gamma) - 1e-36)
    best, norm = -1, -1.0
    for span in _spans(len(rows), plan.pairs):
        exact = points.exact(rows[span]).sqnorms()
        if exact.max() > norm:
            best, norm = int(rows[span][exact.argmax()]), float(exact.max())
    return best


def _sizes(points: Points, frame: Frame, plan: Plan) -> FloatArray:
    """Squared norms as given, in the frame's unit, rounded as float32 rounds."""
    sizes = np.empty(len(points))
    plain = Frame(None, frame.scales, frame.unit)
    for span in _spans(len(points), plan.tile_rows):
        sizes[span] = _host64(points.tile(span, plain).sq)
    return sizes


def _spans(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(n, start + size)) for start in range(0, n, size))


def _close(
    offsets: torch.Tensor, closer: IntArray, chunk: _Chunk, unit: float
) -> tuple[IntArray, IntArray]:
    """The pairs of rows in ``closer`` with centres that may lie within the row's bound."""
    tile = chunk.tile
    where = _index(closer, offsets)
    limit = reach(chunk.bound[closer], tile.sq[where], tile.gamma, unit)
    most = torch.from_numpy(limit).to(offsets)
    if len(closer) > 0.4 * len(offsets):
        every = offsets.new_full((len(offsets),), -torch.inf)
        every[where] = most
        row, centre = (offsets <= every[:, None]).nonzero(as_tuple=True)
        return row.cpu().numpy(), centre.cpu().numpy()
    row, centre = (offsets.index_select(0, where) <= most[:, None]).nonzero(as_tuple=True)
    return closer[row.cpu().numpy()], centre.cpu().numpy()


def _lows(
    offsets: torch.Tensor, row: IntArray, centre: IntArray, tile: Tile, unit: float
) -> FloatArray:
    """Lower bounds of some pairs of a tile."""
    at, to = _index(row, offsets), _index(centre, offsets)
    square = tile.sq[at]
    return _low(_host64(offsets[at, to]), square, tile.gamma, unit)


def _span_of(rows: IntArray) -> Span:
    """Rows that follow one another as a slice, of which no copy is taken."""
    if len(rows) > 1 and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _least(offsets: torch.Tensor) -> FloatArray:
    return _host64(offsets.amin(1))


def _host64(x: torch.Tensor) -> FloatArray:
    host: FloatArray = x.cpu().numpy().astype(np.float64)
    return host


def _index(at: IntArray, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(at).to(like.device)
