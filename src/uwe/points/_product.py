"""Outer products that are never written out, as points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from uwe._types import BoolArray, FloatArray, Rows
from uwe.errors import InputError
from uwe.points import _rows
from uwe.points._geometry import Array, Exact, Frame, Matrix, Span, Tile, ordered_sum

__all__ = ["Product"]


@dataclass(frozen=True)
class _ProductExact:
    a: FloatArray  # [m, c]
    b: FloatArray  # [m, d]

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    def take(self, at: Span) -> _ProductExact:
        return _ProductExact(self.a[at], self.b[at])

    def sqdist(self, other: Exact) -> FloatArray:
        # a⊗b - a'⊗b' = (a-a')⊗m + l⊗(b-b') with the means l, m of the factors: no large terms
        # cancel, equal factors give 0, and x, x' may change places.
        assert isinstance(other, _ProductExact)
        a, across, mean_a = _gap_and_mean(self.a, other.a)
        b, along, mean_b = _gap_and_mean(self.b, other.b)
        sqdist: FloatArray = a * mean_b + mean_a * b + 2.0 * across * along
        return np.maximum(sqdist, 0.0, out=sqdist)

    def sqnorms(self) -> FloatArray:
        return ordered_sum(self.a * self.a) * ordered_sum(self.b * self.b)


@dataclass(frozen=True)
class _ProductTile:
    a: Matrix  # [m, c]
    b: Matrix  # [m, d]
    sq: FloatArray
    gamma: float
    tiny: float

    def __len__(self) -> int:
        return len(self.a)

    def take(self, at: Span) -> _ProductTile:
        return _ProductTile(self.a[at], self.b[at], self.sq[at], self.gamma, self.tiny)

    def join(self, other: Tile) -> _ProductTile:
        assert isinstance(other, _ProductTile)
        a, b = _rows.joined(self.a, other.a), _rows.joined(self.b, other.b)
        return _ProductTile(a, b, np.concatenate([self.sq, other.sq]), self.gamma, self.tiny)

    def offsets(self, centres: Tile) -> Matrix:
        assert isinstance(centres, _ProductTile)
        table = _rows.product(self.b, centres.b)
        table *= _rows.product(self.a, centres.a * -2)
        table += _rows.like(centres.sq, table)
        return table

    def steps(self, row: int, out: Any) -> None:
        np.matmul(self.a, self.a[row] * self.a.dtype.type(-2), out=out)
        out *= self.b @ self.b[row]


class Product:
    """Rows that are outer products ``a_i ⊗ b_i``, never written out.

    Inner products are ``(a·a')(b·b')``; the ``c·d`` wide vectors do not exist.

    Args:
        a: ``[n, c]``, as a rule the narrow factor.
        b: ``[n, d]``.
        device: where to compute, by default where ``b`` is.

    Raises:
        InputError: the factors differ in length, or are not matrices of a floating type.

    >>> Product(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0]])).exact(slice(0, 1)).sqnorms()
    array([45.])
    """

    def __init__(self, a: Array, b: Array, *, device: torch.device | str | None = None) -> None:
        self.a, self.b = a, b
        self._a, self._b = _rows.as_matrix(a), _rows.as_matrix(b)
        if len(a) != len(b):
            raise InputError(f"factors of {len(a)} and {len(b)} rows; they must be equal")
        self.width = int(a.shape[1] + b.shape[1])
        self.device = _rows.home_of(b, device)

    def __len__(self) -> int:
        return len(self.a)

    def take(self, rows: Rows) -> Product:
        """Keep ``rows``, in that order."""
        a, b = _rows.rows_of(self._a, rows), _rows.rows_of(self._b, rows)
        return Product(a, b, device=self.device)

    def frame(self, rows: Span | None = None) -> Frame:
        """Scale what float32 cannot square."""
        sizes = [_rows.largest(_rows.sampled(x, rows)) for x in (self._a, self._b)]
        first, second = (_rows.power_of_two(size, 240) for size in sizes)
        return Frame(None, (first, second), (first * second) ** -2.0)

    def tile(
        self,
        span: Span,
        frame: Frame,
        dtype: torch.dtype = torch.float32,
        *,
        sq: FloatArray | None = None,
    ) -> _ProductTile:
        """The rows in ``span``, ready for products; ``sq`` are their norms, where known."""
        a = _rows.working_rows(self._a, span, None, frame.scales[0], dtype, self.device)
        b = _rows.working_rows(self._b, span, None, frame.scales[1], dtype, self.device)
        norms = _rows.sqnorms(a) * _rows.sqnorms(b) if sq is None else sq
        gamma = _rows.gamma_of(self.width, dtype, self.device)
        return _ProductTile(a, b, norms, gamma, _rows.tiny_of(dtype))

    def exact(self, span: Span) -> _ProductExact:
        """The rows in ``span`` in float64, as given."""
        return _ProductExact(
            *_balanced(_rows.float64_rows(self._a, span), _rows.float64_rows(self._b, span))
        )

    def finite(self, span: Span) -> BoolArray:
        """Which rows in ``span`` hold numbers only, neither NaN nor infinity."""
        return _rows.finite_rows(self._a, span) & _rows.finite_rows(self._b, span)

    def row_bytes(self) -> int:
        """Bytes of one row of a float32 tile."""
        return 4 * self.width


def _gap_and_mean(x: FloatArray, y: FloatArray) -> FloatArray:
    """Of ``g = x - y`` and ``m = (x + y) / 2``: ``‖g‖²``, ``⟨g, m⟩`` and ``‖m‖²`` of each row."""
    gap, mean = x - y, (x + y) * 0.5
    return ordered_sum(np.stack([gap * gap, gap * mean, mean * mean]))


def _balanced(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Move powers of two between the factors of each row until they are about equally long.

    ``a ⊗ b`` stays what it was; the terms that cancel in a distance stay near its norms.
    """
    size_a, size_b = np.abs(a).max(1), np.abs(b).max(1)
    shift = (np.frexp(size_b)[1] - np.frexp(size_a)[1]) // 2
    empty = (size_a == 0) | (size_b == 0)
    factor = np.where(empty, 0.0, np.ldexp(1.0, shift))
    inverse = np.where(empty, 0.0, np.ldexp(1.0, -shift))
    return a * factor[:, None], b * inverse[:, None]
