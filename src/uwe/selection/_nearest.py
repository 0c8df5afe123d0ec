"""How far each row is from its nearest centre, as far as it is known.

Distances to a growing set only fall, so an old distance is an upper bound. ``Nearest`` keeps such
bounds and brings those of chosen rows up to date: matrix products say which centres may matter,
the float64 distances of ``Exact`` say what is so. A row that has met every centre knows its
distance exactly, to the last bit, whatever the order or the blocks in which it met them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from uwe._types import IntArray, Rows
from uwe.errors import InputError
from uwe.points import Exact, FloatArray, Frame, Points, Tile
from uwe.selection._plan import Plan

__all__ = ["Nearest", "bounds", "norm_leader", "reach"]

_CANONICAL = 1e-13  # more than the relative rounding of a float64 distance
_CROWDED = 16  # pairs left to float64 for each row, above which a float64 product is cheaper


def bounds(offset: FloatArray, tile: Tile, unit: float) -> tuple[FloatArray, FloatArray]:
    """What a squared distance is at least and at most, from its offset in a tile.

    Formula: with ``q = ‖x‖²`` and ``t = offset + q``, ``(t - 8γq) / (1 + 6γ)`` and
    ``(t + 8γq) / (1 - 6γ)``. Rounding moves t by at most ``γ((|x| + |c|)² + 2|c|²)``, and
    ``|c|² <= 2|x|² + 2‖x - c‖²``; so the bound needs neither centre nor order of summation.
    """
    square = _host64(tile.sq).reshape((-1,) + (1,) * (offset.ndim - 1))
    slack = 8 * tile.gamma * square + _underflow(tile)
    low = (offset + square - slack) * (unit * (1 - _CANONICAL) / (1 + 6 * tile.gamma))
    high = (offset + square + slack) * (unit * (1 + _CANONICAL) / (1 - 6 * tile.gamma))
    return low, high


def reach(limit: FloatArray, tile: Tile, unit: float) -> FloatArray:
    """The largest offset whose lower bound is at most ``limit``; ``bounds`` turned round."""
    square = _host64(tile.sq)
    slack = 8 * tile.gamma * square + _underflow(tile)
    top = limit * ((1 + 6 * tile.gamma) * (1 + 2 * _CANONICAL) / unit) - square + slack
    return top + 1e-6 * np.abs(top)  # it is compared with float32 numbers


def _underflow(tile: Tile) -> float:
    return 1e-36 if tile.sq.dtype == torch.float32 else 1e-290


class Nearest:
    """Upper bounds of the distance from each row to its nearest centre.

    Attributes:
        sqdist: float64 ``[n]``, upper bounds; exact where ``seen`` is the number of centres.
            Rows that were picked hold -1.
        seen: int64 ``[n]``, how many centres, in their order, each row has met.
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
        self.seen = np.zeros(len(points), dtype=np.int64)
        self.picks = np.empty(capacity, dtype=np.int64)
        self.met = 0  # pairs whose product was taken, for the benchmarks
        self._anchored = 0 if anchors is None else len(anchors)
        self.count = self._anchored

    def add(self, rows: Rows) -> None:
        """Make ``rows`` centres; they cannot be picked again."""
        first = self.count - self._anchored
        self.picks[first : first + len(rows)] = rows
        self.count += len(rows)
        self.sqdist[rows] = -1.0

    def bound(self) -> None:
        """Give every row a first bound from the first centres, without any float64 distance."""
        source, at = self._centres(0, self.count)
        centres = source.tile(at, self.frame)
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
        tile, known = self.points.tile(rows, self.frame), self.sqdist[rows]
        at = int(self.seen[rows].min())
        while at < self.count:
            source, centres = self._centres(at, min(self.count, at + self.plan.tile_centres))
            exact = self._meet(tile, rows, known, source, centres, floor)
            at += len(centres)
            self.sqdist[rows] = known
            self.seen[rows[exact]] = np.maximum(self.seen[rows[exact]], at)
            live = np.flatnonzero(exact & (known > floor))
            if len(live) < 0.75 * len(rows) or (len(live) < len(rows) and not exact.all()):
                tile, rows, known = tile.take(live), rows[live], known[live]
            if not len(rows):
                return

    def _meet(
        self,
        tile: Tile,
        rows: Rows,
        known: FloatArray,
        source: Points,
        centres: Rows,
        floor: float,
    ) -> np.ndarray:
        """Lower ``known`` by some centres, in place; which rows are exact as far as these go.

        A row whose bound falls to half the floor is left with the bound: it will not be asked for
        soon, and its float64 distances are not worth their price.
        """
        offsets = tile.offsets(source.tile(centres, self.frame, tile.sq.dtype))
        self.met += offsets.numel()
        low, high = bounds(least := _least(offsets), tile, self.frame.unit)
        exact = np.ones(len(rows), dtype=bool)
        closer = low < known
        if not closer.any():
            return exact
        idle = closer & (high <= 0.7 * floor)
        known[idle] = np.minimum(known[idle], high[idle])
        exact[idle] = False
        hit = np.flatnonzero(closer & ~idle)
        self._settle(tile, rows, known, source, centres, offsets, hit, high[hit])
        return exact

    def _settle(
        self,
        tile: Tile,
        rows: Rows,
        known: FloatArray,
        source: Points,
        centres: Rows,
        offsets: torch.Tensor,
        hit: IntArray,
        high: FloatArray,
    ) -> None:
        """Take the float64 distances that may lower the rows at ``hit``."""
        if not len(hit):
            return
        some = tile.take(hit)
        limit = reach(np.minimum(known[hit], high), some, self.frame.unit)
        close = offsets[_index(hit, offsets)] <= torch.from_numpy(limit).to(offsets)[:, None]
        at, centre = (axis.cpu().numpy() for axis in close.nonzero(as_tuple=True))
        if len(at) > _CROWDED * len(hit) and tile.sq.dtype == torch.float32:
            wide = self.points.tile(rows[hit], self.frame, torch.float64)
            again = known[hit]
            self._meet(wide, rows[hit], again, source, centres, -1.0)
            known[hit] = again
            return
        for span in _spans(len(at), self.plan.pairs):
            which = hit[at[span]]
            exact = self.points.exact(rows[which]).sqdist(source.exact(centres[centre[span]]))
            np.minimum.at(known, which, exact)

    def _centres(self, start: int, stop: int) -> tuple[Points, Rows]:
        """Centres from ``start``, up to ``stop`` or to the last anchor."""
        if start < self._anchored:
            assert self.anchors is not None
            return self.anchors, np.arange(start, min(stop, self._anchored))
        return self.points, self.picks[start - self._anchored : stop - self._anchored]


def norm_leader(points: Points, frame: Frame, plan: Plan, *, leader: bool = True) -> int:
    """The row with the largest norm as given, the lowest of equals; looks at every row once.

    Raises:
        InputError: a row holds NaN or infinity, or numbers too large to be squared.
    """
    high = np.zeros(len(points))
    plain = Frame(None, frame.scales, frame.unit)
    for span in _spans(len(points), plan.tile_rows):
        tile = points.tile(span, plain if leader else frame)
        high[span] = _host64(tile.sq)
    if not np.isfinite(high).all():
        raise _not_finite(points, plan)
    gamma = tile.gamma
    rows = np.flatnonzero(high >= high.max() * (1 - 4 * gamma) - 1e-36) if leader else np.zeros(1, int)
    best, norm = -1, -1.0
    for span in _spans(len(rows), plan.pairs):
        exact = points.exact(rows[span]).sqnorms()
        if exact.max() > norm:
            best, norm = int(rows[span][exact.argmax()]), float(exact.max())
    return best


def _not_finite(points: Points, plan: Plan) -> InputError:
    for span in _spans(len(points), plan.tile_rows):
        broken = np.flatnonzero(~points.finite(span))
        if len(broken):
            return InputError(f"row {span.start + broken[0]} holds NaN or infinity")
    return InputError("some rows are too long: their squared norms overflow; scale them down")


def _spans(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(n, start + size)) for start in range(0, n, size))


def _least(offsets: torch.Tensor) -> FloatArray:
    return _host64(offsets.amin(1))


def _host64(x: torch.Tensor) -> FloatArray:
    host: FloatArray = x.cpu().numpy().astype(np.float64)
    return host


def _index(at: IntArray, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(at).to(like.device)
