"""What does not change while rows are picked: points, kernel, weights, and bounds of the kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from uwe._types import FloatArray, IntArray
from uwe.points import Points, Tile
from uwe.selection._bounds import on_host, spans
from uwe.selection._gain import Similarity
from uwe.selection._norms import Norms

__all__ = ["Scene", "Sizes", "rounded_down", "rounded_up"]

_POOR = 0.02  # what float32 may add to d²/r², above which tiles are float64
_NO_EFFECT = 2.0**-57  # of a quantum: it makes no term and, subtracted, rounds no term down
_STEEP = 1e30  # 1/r² in units of the tiles, above which float32 might overflow
_LARGEST = {torch.float32: 1e37, torch.float64: 1e290}  # d²/r² that is told from larger ones
_STEPS = 65535  # of a kernel value that is kept in 16 bits
_KINDS: dict[torch.dtype, Any] = {torch.float32: np.float32, torch.float64: np.float64}


@dataclass(frozen=True)
class Sizes:
    """How the work is cut.

    Attributes:
        rows: of a tile.
        centres: that a tile meets at once.
        pairs: whose float64 distances are taken at once.
        columns: bytes of columns that are kept.
        crowd: candidates from which picks are foreseen before all are swept.
    """

    rows: int = 1024
    centres: int = 1024
    pairs: int = 512
    columns: int = 2**28
    crowd: int = 1024


class Scene:
    """Points under a kernel, with a line that bounds it.

    Attributes:
        kind: the type of tables: float32, or float64 where that would say too little.
        plain: whether all weights are 1.
        heavy: weights in that type, rounded up, in units of ``unit``.
        least: kernel values up to it change no term by a quantum.
        loose: whether bounds may be far above 1 and have to be cut off.
        index: the type of row numbers that are kept.
        step: what a kept bound of 1 stands for; see `encoded`.
    """

    def __init__(
        self,
        points: Points,
        norms: Norms,
        kernel: Similarity,
        radius: float,
        weights: FloatArray,
        quantum: float,
        sizes: Sizes,
    ) -> None:
        self.points, self.frame, self.kernel = points, norms.frame, kernel
        self.sqradius = radius * radius
        self.weights, self.quantum, self.sizes = weights, quantum, sizes
        scale = self.frame.unit / self.sqradius
        gamma = points.tile(slice(0, 1), self.frame).gamma
        longest = float(norms.sq.max(initial=0.0))
        poor = scale > _STEEP or 8 * gamma * longest * scale > _POOR
        self.dtype = torch.float64 if poor else torch.float32
        self.kind = _KINDS[self.dtype]
        self.index: Any = np.uint16 if len(points) <= 2**16 else np.int32
        self.code: Any = np.uint16 if self.dtype == torch.float32 else np.float64
        self.step = 1.0 / _STEPS if self.dtype == torch.float32 else 1.0
        self._line(self._norms() if poor else norms.sq, scale)
        self.plain = bool((weights == 1.0).all())
        most = float(weights.max(initial=0.0)) or 1.0
        self.unit = 2.0 ** math.frexp(most)[1]
        self.heavy = rounded_up(weights / self.unit, self.kind)
        self.least = self.kind(min(0.5, _NO_EFFECT * quantum / most))

    def _norms(self) -> FloatArray:
        cut = spans(len(self.points), self.sizes.rows)
        return np.concatenate([self.points.tile(each, self.frame, self.dtype).sq for each in cut])

    def _line(self, sq: FloatArray, scale: float) -> None:
        """The line ``base - slope · offset`` that bounds ``-d²/r²`` of a row from above.

        With q = ‖x‖² in the tile's units, ``d² >= (offset + q - 8γq) / (1 + 6γ)``; see `bounds`.
        What follows in working precision is rounded a few times more.
        """
        tile = self.points.tile(slice(0, 1), self.frame, self.dtype)
        eps = float(np.finfo(self.kind).eps)
        self.sq = sq
        most = _LARGEST[self.dtype] / max(1.0, float(sq.max(initial=0.0)))
        scale = min(scale, most) * (1 - 1e-13) / (1 + 6 * tile.gamma)
        near = sq * (1 - 8 * tile.gamma) - tile.tiny
        self.slope = self.kind(scale * (1 - 4 * eps))
        base = -scale * near * (1 - 4 * eps) + 8 * eps * scale * sq + 16 * eps
        self.base = rounded_up(base, self.kind)
        self.loose = 8 * tile.gamma * float(sq.max(initial=0.0)) * scale > _POOR

    def entry(self) -> int:
        """Bytes of a kept pair."""
        return int(np.dtype(self.index).itemsize + np.dtype(self.code).itemsize)

    def tile(self, span: Any) -> Tile:
        """Some rows, ready for products."""
        return self.points.tile(span, self.frame, self.dtype, sq=self.sq[span])

    def bound(self, span: Any, tile: Tile, centres: Tile) -> Any:
        """Upper bounds of the kernel between rows and centres ``[m, j]``, hardly above 1."""
        table = on_host(tile.offsets(centres))
        table *= -self.slope
        table += self.base[span][:, None]
        if self.loose:
            np.minimum(table, 0, out=table)
        return self.kernel.raise_(table)

    def encoded(self, bound: Any) -> Any:
        """Bounds of the kernel in few bytes, rounded up to whole steps."""
        if self.step == 1.0:
            return np.minimum(bound, 1)
        return np.minimum(bound * _STEPS + self.kind(1.01), _STEPS).astype(np.uint16)

    def values(self, rows: IntArray, centre: Any) -> FloatArray:
        """Exact kernel values of rows and one centre, or of each row and the centre beside it."""
        sqdist = np.empty(len(rows))
        for span in spans(len(rows), self.sizes.pairs):
            sqdist[span] = self.points.exact(rows[span]).sqdist(centre)
        return self.kernel.of(sqdist, self.sqradius)


def rounded_up(values: FloatArray, kind: Any) -> Any:
    """The least numbers of a type that are not below the values."""
    near = values.astype(kind)
    return np.where(near < values, np.nextafter(near, kind(np.inf)), near)


def rounded_down(values: FloatArray, kind: Any) -> Any:
    """The largest numbers of a type that are not above the values."""
    near = values.astype(kind)
    return np.where(near > values, np.nextafter(near, kind(-np.inf)), near)
