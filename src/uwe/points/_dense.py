"""Rows of a matrix as points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from uwe._types import BoolArray, FloatArray, Rows
from uwe.points import _rows
from uwe.points._geometry import Array, Exact, Frame, Matrix, Span, Tile, ordered_sum

__all__ = ["Dense"]

_FAR = 4.0  # squared mean over variance, above which distances would cancel


@dataclass(frozen=True)
class _DenseExact:
    x: FloatArray  # [m, d]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, at: Span) -> _DenseExact:
        return _DenseExact(self.x[at])

    def sqdist(self, other: Exact) -> FloatArray:
        assert isinstance(other, _DenseExact)
        gap = self.x - other.x
        gap *= gap
        return ordered_sum(gap)

    def sqnorms(self) -> FloatArray:
        return ordered_sum(self.x * self.x)


@dataclass(frozen=True)
class _DenseTile:
    x: Matrix  # [m, d]
    sq: FloatArray
    gamma: float
    tiny: float

    def __len__(self) -> int:
        return len(self.x)

    def take(self, at: Span) -> _DenseTile:
        return _DenseTile(self.x[at], self.sq[at], self.gamma, self.tiny)

    def join(self, other: Tile) -> _DenseTile:
        assert isinstance(other, _DenseTile)
        x, sq = _rows.joined(self.x, other.x), np.concatenate([self.sq, other.sq])
        return _DenseTile(x, sq, self.gamma, self.tiny)

    def offsets(self, centres: Tile) -> Matrix:
        assert isinstance(centres, _DenseTile)
        table = _rows.product(self.x, centres.x * -2)
        table += _rows.like(centres.sq, table)
        return table

    def steps(self, row: int, out: Any) -> None:
        np.dot(self.x, self.x[row] * -2, out=out)


class Dense:
    """Rows of a matrix ``[n, d]``: a tensor, an array or a memory-mapped file.

    >>> Dense(torch.tensor([[0.0, 0.0], [3.0, 4.0]])).exact(slice(0, 2)).sqnorms()
    array([ 0., 25.])
    """

    def __init__(self, x: Array, *, device: torch.device | str | None = None) -> None:
        self.x = x
        self._x = _rows.as_matrix(x)
        self.width = int(x.shape[1])
        self.device = _rows.home_of(x, device)

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Rows) -> Dense:
        """Keep ``rows``, in that order."""
        return Dense(_rows.rows_of(self._x, rows), device=self.device)

    def frame(self, rows: Span | None = None) -> Frame:
        """Subtract a mean that is large beside the spread; scale what float32 cannot square."""
        sample = _rows.sampled(self._x, rows)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = sample.mean(0).astype(np.float32).astype(np.float64)
            far = len(sample) * (mean @ mean) > _FAR * np.square(sample - mean).sum()
        shifted = bool(far) and bool(np.isfinite(mean).all())
        scale = _rows.power_of_two(_rows.largest(sample - mean if shifted else sample), 480)
        return Frame(mean if shifted else None, (scale,), scale**-2.0)

    def tile(
        self,
        span: Span,
        frame: Frame,
        dtype: torch.dtype = torch.float32,
        *,
        sq: FloatArray | None = None,
    ) -> _DenseTile:
        """The rows in ``span``, ready for products; ``sq`` are their norms, where known."""
        x = _rows.working_rows(self._x, span, frame.origin, frame.scales[0], dtype, self.device)
        norms = _rows.sqnorms(x) if sq is None else sq
        gamma = _rows.gamma_of(self.width, dtype, self.device)
        return _DenseTile(x, norms, gamma, _rows.tiny_of(dtype))

    def exact(self, span: Span) -> _DenseExact:
        """The rows in ``span`` in float64, as given."""
        return _DenseExact(_rows.float64_rows(self._x, span))

    def finite(self, span: Span) -> BoolArray:
        """Which rows in ``span`` hold numbers only, neither NaN nor infinity."""
        return _rows.finite_rows(self._x, span)

    def row_bytes(self) -> int:
        """Bytes of one row of a float32 tile."""
        return 4 * self.width
