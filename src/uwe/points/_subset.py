"""Some rows of a large embedding, left where they are."""

from __future__ import annotations

import torch

from uwe._types import BoolArray, FloatArray, IntArray, Rows
from uwe.points._geometry import Exact, Frame, Points, Span, Tile

__all__ = ["Subset"]

_SAMPLE = 256  # rows that the origin is fitted on, at most


class Subset:
    """The ``rows`` of ``points``, without a copy: each block is fetched when it is asked for.

    Args:
        points: any embedding, in memory or in a file.
        rows: int64 ``[m]``, which of its rows.

    >>> from uwe.points import Dense
    >>> few = Subset(Dense(torch.tensor([[1.0], [2.0], [3.0]])), torch.tensor([0, 2]).numpy())
    >>> len(few), few.exact(slice(0, 2)).sqnorms().tolist()
    (2, [1.0, 9.0])
    """

    def __init__(self, points: Points, rows: Rows) -> None:
        self.points = points
        self.rows = rows
        self.width: int = points.width
        self.device: torch.device = points.device

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Rows) -> Points:
        """Keep ``rows``, in that order, copied."""
        return self.points.take(self.rows[rows])

    def frame(self, rows: Span | None = None) -> Frame:
        """An origin and a unit in which distances between ``rows`` suffer little from rounding."""
        step = max(1, len(self.rows) // _SAMPLE)
        return self.points.frame(self.rows[::step] if rows is None else self.rows[rows])

    def tile(
        self,
        span: Span,
        frame: Frame,
        dtype: torch.dtype = torch.float32,
        *,
        sq: FloatArray | None = None,
    ) -> Tile:
        """The rows in ``span``, ready for products; ``sq`` are their norms, where known."""
        return self.points.tile(self._at(span), frame, dtype, sq=sq)

    def exact(self, span: Span) -> Exact:
        """The rows in ``span`` in float64, as given."""
        return self.points.exact(self._at(span))

    def finite(self, span: Span) -> BoolArray:
        """Which rows in ``span`` hold numbers only, neither NaN nor infinity."""
        return self.points.finite(self._at(span))

    def row_bytes(self) -> int:
        """Bytes of one row of a float32 tile."""
        return self.points.row_bytes()

    def _at(self, span: Span) -> Span:
        """Rows of the whole; a slice where they follow each other."""
        rows: IntArray = self.rows[span]
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and bool((rows[1:] > rows[:-1]).all()):
            return slice(int(rows[0]), int(rows[-1]) + 1)
        return rows
