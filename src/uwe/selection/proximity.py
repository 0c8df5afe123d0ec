"""Which points are closer to each other than a distance: float64 decides, in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from uwe._arrays import rows_at_once
from uwe._types import BoolArray, FloatArray, IntArray, Rows
from uwe.points import Frame, Matrix, Points, Tile
from uwe.selection._bounds import (
    bounds,
    entries,
    on_host,
    reach,
    row_minimum,
    spans,
    within,
)

__all__ = ["all_pairs", "closer_than", "first_apart"]

_BLOCK = 1024  # rows and centres whose products are taken at once
_FEW = 256  # rows that are compared with each other at once
_AT_ONCE = 512  # rows that meet all others in float64
_LONGEST = 1e18  # of distances in the units of tiles
_SURE = 1 - 1e-12  # of a squared distance, beside the rounding of a square root


def closer_than(points: Points, rows: Rows, centres: Rows, distance: float) -> BoolArray:
    """Whether each of ``rows`` is closer than ``distance`` to one of ``centres``; not at it.

    Args:
        points: rows of some space.
        rows: int64 ``[m]``, rows of the points.
        centres: int64 ``[j]``, likewise; a row that is itself a centre is at distance 0.
        distance: at least 0.

    Returns:
        bool ``[m]``.

    >>> import torch
    >>> from uwe.points import Dense
    >>> line = Dense(torch.tensor([[0.0], [1.0], [3.0]]))
    >>> closer_than(line, np.array([1, 2]), np.array([0]), 3.0).tolist()
    [True, False]
    """
    close = np.zeros(len(rows), dtype=np.bool_)
    if not distance or not len(rows) or not len(centres):
        return close
    frame = points.frame(np.concatenate([rows[:_FEW], centres[:_FEW]]))
    for theirs in spans(len(centres), _BLOCK):
        some = centres[theirs]
        with np.errstate(over="ignore", invalid="ignore"):
            tile = points.tile(some, frame)
        left = np.flatnonzero(~close)
        for span in spans(len(left), _BLOCK):
            at = left[span]
            close[at] = _any_closer(points, frame, rows[at], some, tile, distance)
    return close


def first_apart(
    points: Points,
    rows: Rows,
    distance: float,
    most: int,
    *,
    groups: IntArray | None = None,
    caps: IntArray | None = None,
) -> BoolArray:
    """The rows that are kept when each is dropped that is closer to an earlier kept one.

    Args:
        points: rows of some space.
        rows: int64 ``[m]``, distinct rows of the points, the first ones first.
        distance: no two kept rows are closer than it.
        most: how many rows are kept, at most.
        groups: int64 ``[m]``, the group of each row; None: they are one.
        caps: int64 ``[g]``, how many rows of each group are kept, at most.

    Returns:
        bool ``[m]``.

    >>> import torch
    >>> from uwe.points import Dense
    >>> line = Dense(torch.tensor([[0.0], [1.0], [2.0], [3.0]]))
    >>> first_apart(line, np.array([1, 2, 3, 0]), 2.0, most=4).tolist()
    [True, False, True, False]
    """
    of = np.zeros(len(rows), dtype=np.int64) if groups is None else groups
    left = np.array([most], dtype=np.int64) if caps is None else caps.copy()
    kept = np.zeros(len(rows), dtype=np.bool_)
    for span in spans(len(rows), _FEW):
        if (room := most - int(kept.sum())) <= 0:
            break
        at = span.start + np.flatnonzero(left[of[span]] > 0)
        at = at[~closer_than(points, rows[at], rows[kept], distance)]
        apart = _conflicts(points, rows[at], distance)
        kept[at[_greedy(apart, of[at], left, room)]] = True
        left = left - np.bincount(of[at[kept[at]]], minlength=len(left))
    return kept


def all_pairs(points: Points) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
    """The squared distances of all pairs in float64, and the sums of their squared norms.

    Both are in the units of tiles, with the rounding of a difference of norms: exact distances say
    which of two like ones is less.

    Args:
        points: not so many that a block of rows beside all of them is too large.

    Yields:
        Some rows, and two tables ``[s, n]`` of these and all rows.

    >>> import torch
    >>> from uwe.points import Dense
    >>> [(span, table, norms)] = all_pairs(Dense(torch.tensor([[0.0], [2.0]])))
    >>> span, table.tolist()
    (slice(0, 2, None), [[0.0, 4.0], [4.0, 0.0]])
    """
    import torch

    tile = points.tile(slice(0, len(points)), points.frame(), torch.float64)
    for span in spans(len(points), _AT_ONCE):
        part = tile.take(span)
        table = np.asarray(on_host(part.offsets(tile))) + part.sq[:, None]
        yield span, table, part.sq[:, None] + tile.sq


def _conflicts(points: Points, rows: Rows, distance: float) -> BoolArray:
    """Which of a few rows are too close to each other."""
    conflicts = np.zeros((len(rows), len(rows)), dtype=np.bool_)
    if distance and len(rows):
        frame = points.frame(rows)
        with np.errstate(over="ignore", invalid="ignore"):
            tile = points.tile(rows, frame)
        for row, column in _closer(points, frame, rows, rows, tile, distance):
            conflicts[row, column] = True
    return conflicts


def _greedy(conflicts: BoolArray, groups: IntArray, caps: IntArray, most: int) -> IntArray:
    """Places that are kept, each beside those before it."""
    left = caps.tolist()
    kept: list[int] = []
    for at, group in enumerate(groups.tolist()):
        if len(kept) < most and left[group] and not conflicts[at][kept].any():
            kept.append(at)
            left[group] -= 1
    return np.array(kept, dtype=np.int64)


def _any_closer(
    points: Points, frame: Frame, rows: Rows, centres: Rows, theirs: Tile, distance: float
) -> BoolArray:
    """As `closer_than`, for one block; what float32 is sure of needs no float64."""
    mine, table = _table(points, frame, rows, theirs)
    close: BoolArray = np.zeros(len(rows), dtype=np.bool_)
    if table is not None:
        _, high = bounds(row_minimum(table), mine.sq, mine)
        close = high < _limit(frame, distance) * _SURE
    left = np.flatnonzero(~close)
    for row, _ in _closer(points, frame, rows[left], centres, theirs, distance):
        close[left[row]] = True
    return close


def _closer(
    points: Points, frame: Frame, rows: Rows, centres: Rows, theirs: Tile, distance: float
) -> Iterator[tuple[IntArray, IntArray]]:
    """Pairs of places that are closer than ``distance``."""
    if not len(rows):
        return
    mine, table = _table(points, frame, rows, theirs)
    if table is None:
        row, column = np.divmod(np.arange(len(rows) * len(centres)), len(centres))
    else:
        limit = _limit(frame, distance)
        row, column = within(table, reach(np.full(len(rows), limit), mine.sq, mine))
        _, high = bounds(entries(table, row, column), mine.sq[row], mine)
        sure = high < limit * _SURE
        yield row[sure], column[sure]
        row, column = row[~sure], column[~sure]
    for span in spans(len(row), rows_at_once(points.width)):
        r, c = row[span], column[span]
        apart: FloatArray = np.sqrt(points.exact(rows[r]).sqdist(points.exact(centres[c])))
        yield r[apart < distance], c[apart < distance]


def _table(points: Points, frame: Frame, rows: Rows, theirs: Tile) -> tuple[Tile, Matrix | None]:
    """Products of rows and centres; None where float32 cannot hold them."""
    with np.errstate(over="ignore", invalid="ignore"):
        mine = points.tile(rows, frame)
        table = mine.offsets(theirs)
    finite = np.isfinite(mine.sq).all() and np.isfinite(theirs.sq).all()
    return mine, table if finite and np.isfinite(row_minimum(table)).all() else None


def _limit(frame: Frame, distance: float) -> float:
    """The square of a distance in the units of tiles, within float32."""
    return float(min(distance / np.sqrt(frame.unit), _LONGEST) ** 2)
