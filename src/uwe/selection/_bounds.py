"""Between what and what a squared distance lies, given its rounded product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from uwe._types import FloatArray, IntArray
from uwe.points import Matrix, Tile

__all__ = ["bounds", "entries", "low_of_high", "on_host", "reach", "row_minimum", "spans", "within"]

_CANONICAL = 1e-13  # more than the relative rounding of a float64 distance


def bounds(offset: FloatArray, sq: FloatArray, tile: Tile) -> tuple[FloatArray, FloatArray]:
    """What a squared distance is at least and at most, in the tile's units, from its offset.

    Formula: with ``q = ‖x‖²`` and ``t = offset + q``, ``(t - 8γq) / (1 + 6γ)`` and
    ``(t + 8γq) / (1 - 6γ)``. Rounding moves t by at most ``γ((|x| + |c|)² + 2|c|²)``, and
    ``|c|² <= 2|x|² + 2‖x - c‖²``; so the bound needs neither centre nor order of summation.

    Args:
        offset: float64, ``‖c‖² - 2⟨x, c⟩`` as the tile gave it.
        sq: float64 of the same shape, ``‖x‖²``.
        tile: which says how it rounds.
    """
    slack = 8 * tile.gamma * sq + tile.tiny
    total = offset + sq
    low = (total - slack) * ((1 - _CANONICAL) / (1 + 6 * tile.gamma))
    high = (total + slack) * ((1 + _CANONICAL) / (1 - 6 * tile.gamma))
    return low, high


def reach(limit: FloatArray, sq: FloatArray, tile: Tile) -> FloatArray:
    """The largest offset whose lower bound is at most ``limit``; ``bounds`` turned round."""
    slack = 8 * tile.gamma * sq + tile.tiny
    top = limit * ((1 + 6 * tile.gamma) * (1 + 2 * _CANONICAL)) - sq + slack
    farthest: FloatArray = top + 1e-6 * np.abs(top)  # it is compared with float32 numbers
    return farthest


def low_of_high(high: FloatArray, sq: FloatArray, tile: Tile) -> FloatArray:
    """The lower bound that goes with an upper bound."""
    slack = 8 * tile.gamma * sq + tile.tiny
    gap = high * ((1 - 6 * tile.gamma) * (1 - 2 * _CANONICAL)) - 2 * slack
    low: FloatArray = gap * ((1 - _CANONICAL) / (1 + 6 * tile.gamma)) - 1e-12 * np.abs(high)
    return low


def spans(n: int, size: int) -> Iterator[slice]:
    """Slices of ``size`` that cover n."""
    return (slice(start, min(n, start + size)) for start in range(0, n, size))


def on_host(table: Matrix) -> Any:
    """A table as an array on the host."""
    return table if isinstance(table, np.ndarray) else table.cpu().numpy()


def row_minimum(table: Matrix) -> FloatArray:
    """The least entry of each row, on the host."""
    found = table.min(1) if isinstance(table, np.ndarray) else table.amin(1).cpu().numpy()
    least: FloatArray = found.astype(np.float64)
    return least


def within(table: Matrix, limit: FloatArray) -> tuple[IntArray, IntArray]:
    """Where a table's entries are at most the limit of their row: rows and columns."""
    if isinstance(table, np.ndarray):
        flat = np.flatnonzero(table <= limit.astype(table.dtype)[:, None])
        return np.divmod(flat, table.shape[1])
    most = torch.from_numpy(limit).to(table)
    row, column = (table <= most[:, None]).nonzero(as_tuple=True)
    return row.cpu().numpy(), column.cpu().numpy()


def entries(table: Matrix, row: IntArray, column: IntArray) -> FloatArray:
    """Some entries of a table, on the host."""
    if isinstance(table, np.ndarray):
        return table[row, column].astype(np.float64)
    found: FloatArray = table[row, column].cpu().numpy().astype(np.float64)
    return found
