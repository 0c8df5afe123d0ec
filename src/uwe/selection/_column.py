"""Columns: the rows that one candidate may cover better than they are covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from uwe._types import BoolArray, FloatArray, IntArray

__all__ = ["Column", "Piece", "joined", "merged", "sums"]

_OBJECT = 500  # bytes of a few small objects


@dataclass(frozen=True, slots=True)
class Column:
    """The rows that one candidate may cover better than they were covered.

    Attributes:
        rows: ``[m]``, ascending.
        value: kernel values: exact in float64, else upper bounds in the precision of tiles.
        exact: whether they are exact.
    """

    rows: Any
    value: Any
    exact: bool = False

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return int(self.rows.nbytes + self.value.nbytes) + 400

    def keep(self, which: BoolArray) -> Column:
        """Some of its rows."""
        return Column(self.rows[which], self.value[which], self.exact)


def joined(parts: Sequence[Column]) -> Column:
    """One column of parts that follow each other; without rows it is exact."""
    if not parts:
        return Column(np.empty(0, dtype=np.int32), np.empty(0), exact=True)
    if len(parts) == 1:
        return Column(parts[0].rows.copy(), parts[0].value.copy())
    rows = np.concatenate([part.rows for part in parts])
    return Column(rows, np.concatenate([part.value for part in parts]))


def sums(terms: FloatArray, sizes: IntArray) -> FloatArray:
    """Sums of consecutive groups of terms.

    >>> sums(np.array([1.0, 2.0, 4.0]), np.array([1, 0, 2]))
    array([1., 0., 6.])
    """
    total = np.zeros(len(sizes))
    some = sizes > 0
    if some.any():
        starts = np.cumsum(sizes) - sizes
        total[some] = np.add.reduceat(terms, starts[some])
    return total


@dataclass(frozen=True, slots=True)
class Piece:
    """The pairs of one table that are kept, one candidate after another.

    Attributes:
        counts: of each candidate.
        start: of the table's rows.
    """

    rows: Any
    value: Any
    counts: Any
    start: int

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return int(self.rows.nbytes + self.value.nbytes + self.counts.nbytes) + _OBJECT


def merged(pieces: list[Piece], width: int) -> tuple[Any, Any, IntArray]:
    """The rows and values of all pieces by candidate, and where each candidate's end."""
    if not pieces:
        return np.empty(0, dtype=np.int32), np.empty(0), np.zeros(width, dtype=np.int64)
    total = np.zeros(width, dtype=np.int64)
    for piece in pieces:
        total += piece.counts
    ends = np.cumsum(total)
    rows = np.empty(ends[-1], dtype=pieces[0].rows.dtype)
    value = np.empty(ends[-1], dtype=pieces[0].value.dtype)
    free = ends - total
    while pieces:
        piece = pieces.pop(0)
        own = np.cumsum(piece.counts, dtype=np.int64) - piece.counts
        to = np.repeat(free - own, piece.counts)
        to += np.arange(len(to))
        rows[to], value[to] = piece.rows, piece.value
        free += piece.counts
    return rows, value, ends
