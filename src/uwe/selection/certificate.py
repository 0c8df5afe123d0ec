"""Whether picks are those of greedy k-center: a check in float64, apart from the kernel."""

from __future__ import annotations

import numpy as np
import torch

from uwe._types import FloatArray, Rows
from uwe.errors import InputError
from uwe.points import Array, Frame, Points
from uwe.selection._bounds import on_host
from uwe.selection._validation import checked

__all__ = ["certify"]

_CENTRES = 128
_ROWS = 1024
_CANCELLED = 1e-5  # of the norms: below it a difference of float64 norms is taken row by row


def certify(x: Points | Array, picks: Rows, anchors: Points | Array | None = None) -> float:
    """How far the picks fall short of greedy k-center at worst; 0 where they do not.

    Formula: the largest, over picks, of ``(largest distance - the pick's) / largest distance``,
    distances to the anchors and the earlier picks. For a first pick without anchors it is the same
    of the norms.

    Every row meets every centre in float64, so this takes longer than picking.

    Args:
        x: n rows: an array, a tensor or a memory-mapped file ``[n, d]``, or ``Product(a, b)``.
        picks: int64 ``[k]``, in the order of picking.
        anchors: rows that count as picked before.

    Returns:
        A number from 0 to 1.

    Raises:
        InputError: picks are not distinct rows of ``x``, or anchors of another width.

    >>> x = np.array([[0.0], [1.0], [4.0], [6.0]])
    >>> certify(x, np.array([3, 0, 2])), certify(x, np.array([3, 1]))
    (0.0, 0.16666666666666663)
    """
    points, known = checked(x, len(picks), anchors, None)
    at = np.asarray(picks, dtype=np.int64)
    if len(at) and (at.min() < 0 or at.max() >= len(points) or len(np.unique(at)) < len(at)):
        raise InputError(f"picks must be distinct rows from 0 to {len(points) - 1}")
    if not len(at):
        return 0.0
    frame = points.frame()
    nearest = np.full(len(points), np.inf)
    worst = 0.0
    if known is None:
        norms = _norms(points)
        worst = _shortfall(norms.max(), norms[at[0]])
    for start in range(0, 0 if known is None else len(known), _CENTRES):
        assert known is not None
        centres = np.arange(start, min(start + _CENTRES, len(known)))
        _advance(points, known, centres, frame, nearest, None)
    for start in range(0, len(at), _CENTRES):
        centres = at[start : start + _CENTRES]
        largest, mine = _advance(points, points, centres, frame, nearest, centres)
        for most, own in zip(largest, mine, strict=True):
            worst = max(worst, _shortfall(most, own))
    return worst


def _shortfall(largest: float, own: float) -> float:
    if not np.isfinite(largest) or largest <= 0.0 or own >= largest:
        return 0.0
    return 1.0 - float(np.sqrt(own / largest))


def _norms(points: Points) -> FloatArray:
    spans = (slice(i, min(i + _ROWS, len(points))) for i in range(0, len(points), _ROWS))
    return np.concatenate([points.exact(span).sqnorms() for span in spans])


def _advance(
    points: Points,
    source: Points,
    centres: Rows,
    frame: Frame,
    nearest: FloatArray,
    picks: Rows | None,
) -> tuple[FloatArray, FloatArray]:
    """Lower ``nearest`` in place by one centre after another.

    Returns:
        Before each centre: the largest squared distance of any row, and that of the pick itself.
    """
    largest, mine = np.zeros(len(centres)), np.zeros(len(centres))
    for first in range(0, len(points), _ROWS):
        span = slice(first, min(first + _ROWS, len(points)))
        rows = np.arange(span.start, span.stop)
        course = np.empty((len(rows), len(centres) + 1))
        course[:, 0] = nearest[span]
        course[:, 1:] = _sqdist(points, rows, source, centres, frame)
        np.minimum.accumulate(course, axis=1, out=course)
        nearest[span] = course[:, -1]
        largest = np.maximum(largest, course[:, :-1].max(0))
        if picks is not None:
            here = np.flatnonzero((picks >= span.start) & (picks < span.stop))
            mine[here] = course[picks[here] - span.start, here]
    return largest, mine


def _sqdist(points: Points, rows: Rows, source: Points, centres: Rows, frame: Frame) -> FloatArray:
    tile = points.tile(rows, frame, torch.float64)
    others = source.tile(centres, frame, torch.float64)
    total = on_host(tile.offsets(others)) + tile.sq[:, None]
    sqdist: FloatArray = total * frame.unit
    small = total <= _CANCELLED * (tile.sq[:, None] + others.sq)
    at, centre = np.nonzero(small)
    for start in range(0, len(at), 256):
        some, their = rows[at[start : start + 256]], centres[centre[start : start + 256]]
        exact = points.exact(some).sqdist(source.exact(their))
        sqdist[at[start : start + 256], centre[start : start + 256]] = exact
    return sqdist
