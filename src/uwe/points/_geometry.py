"""What a selection kernel asks of an embedding: rows, their norms, and distances between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch

from uwe._types import BoolArray, FloatArray, IntArray, Rows

__all__ = [
    "Array",
    "Exact",
    "Frame",
    "Matrix",
    "Points",
    "Span",
    "Tile",
    "ordered_sum",
]

Array: TypeAlias = "torch.Tensor | np.ndarray[Any, Any]"  # [n, d] of a floating type
Span: TypeAlias = "slice | IntArray"  # which rows
Matrix: TypeAlias = Any  # [m, j] in working precision: an array on the host, a tensor elsewhere

_LANES = 64


def ordered_sum(terms: FloatArray) -> FloatArray:
    """Sum over the last axis in one fixed order; ``terms`` may be overwritten.

    Terms 64 apart are added first to last, the 64 sums by halves. Only element-wise additions are
    made, so the result depends on the number of terms alone: neither on the other axes nor on
    threads, blocks or the processor.

    >>> ordered_sum(np.array([[1.0, 2.0, 4.0]]))
    array([7.])
    """
    width = terms.shape[-1]
    if width > _LANES:
        whole = width - width % _LANES
        lanes = terms[..., :whole].reshape(*terms.shape[:-1], -1, _LANES).sum(-2)
        lanes[..., : width - whole] += terms[..., whole:]
        terms, width = lanes, _LANES
    while width > 1:
        half = (width + 1) // 2
        terms[..., : width - half] += terms[..., half:width]
        width = half
    return terms[..., 0]


class Exact(Protocol):
    """Some rows in float64, as given, on the host."""

    def __len__(self) -> int: ...

    def take(self, at: Span) -> Exact:
        """Keep the rows at ``at``."""
        ...

    def sqdist(self, other: Exact) -> FloatArray:
        """Squared distance of each row to the same row of ``other``; one row meets all."""
        ...

    def sqnorms(self) -> FloatArray:
        """Squared norm of each row."""
        ...


class Tile(Protocol):
    """Some rows in working precision, shifted and scaled by a frame."""

    @property
    def sq(self) -> FloatArray:
        """Squared norms ``[m]``, as working precision rounds them."""
        ...

    @property
    def gamma(self) -> float:
        """Bound on the relative rounding of a norm, or of an inner product beside ``|x||c|``."""
        ...

    @property
    def tiny(self) -> float:
        """What underflow may take from a squared distance."""
        ...

    def __len__(self) -> int: ...

    def take(self, at: Span) -> Tile:
        """Keep the rows at ``at``; a slice makes no copy."""
        ...

    def join(self, other: Tile) -> Tile:
        """These rows and those of ``other``."""
        ...

    def offsets(self, centres: Tile) -> Matrix:
        """``‖c‖² - 2⟨x, c⟩`` of rows x and centres c, ``[m, j]``; ``‖x‖²`` less than a distance."""
        ...

    def steps(self, row: int, out: Any) -> None:
        """Write ``-2⟨x, c⟩`` of rows x on the host, c being one of them, to ``out [m]``."""
        ...


@dataclass(frozen=True)
class Frame:
    """Where tiles have their origin, and their unit of length.

    Attributes:
        origin: float64 ``[d]`` that is subtracted from every row, or None.
        scales: powers of two by which the rows' factors are multiplied.
        unit: what one unit of squared length in a tile is in squared units of the rows.
    """

    origin: FloatArray | None
    scales: tuple[float, ...]
    unit: float

    def plain(self) -> Frame:
        """The same without an origin."""
        return Frame(None, self.scales, self.unit)


class Points(Protocol):
    """n rows of some space with Euclidean distance.

    Attributes:
        width: numbers that are multiplied for one inner product.
        device: where tiles live.
    """

    width: int
    device: torch.device

    def __len__(self) -> int: ...

    def take(self, rows: Rows) -> Points:
        """Keep ``rows``, in that order."""
        ...

    def frame(self, rows: Span | None = None) -> Frame:
        """An origin and a unit in which distances between ``rows`` suffer little from rounding."""
        ...

    def tile(
        self,
        span: Span,
        frame: Frame,
        dtype: torch.dtype = torch.float32,
        *,
        sq: FloatArray | None = None,
    ) -> Tile:
        """The rows in ``span``, ready for products; ``sq`` are their norms, where known."""
        ...

    def exact(self, span: Span) -> Exact:
        """The rows in ``span`` in float64, as given."""
        ...

    def finite(self, span: Span) -> BoolArray:
        """Which rows in ``span`` hold numbers only, neither NaN nor infinity."""
        ...

    def row_bytes(self) -> int:
        """Bytes of one row of a float32 tile."""
        ...
