"""Norms of all rows: the one pass that every selection begins with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uwe._types import FloatArray
from uwe.errors import InputError
from uwe.points import Frame, Points
from uwe.selection._bounds import spans
from uwe.selection._validation import require_finite

__all__ = ["Norms", "longest", "take_norms"]


@dataclass(frozen=True)
class Norms:
    """Squared norms, as working precision rounds them.

    Attributes:
        frame: in whose units.
        sq: float64 ``[n]``, of the rows less the frame's origin.
        given: float64 ``[n]``, of the rows as given.
    """

    frame: Frame
    sq: FloatArray
    given: FloatArray


def take_norms(points: Points, size: int) -> Norms:
    """Look at every row once, ``size`` of them at a time.

    Float32 work gets a unit that fits, where a row proves too large for the sampled one.

    Raises:
        InputError: a row holds NaN or infinity, or numbers too large to be squared.
    """
    norms = _norms(points, points.frame(), size)
    if np.isfinite(norms.given).all() and np.isfinite(norms.sq).all():
        return norms
    require_finite(points)
    long = np.flatnonzero(~(np.isfinite(norms.given) & np.isfinite(norms.sq)))[:256]
    some = np.union1d(np.arange(0, len(points), 1 + len(points) // 256), long)
    norms = _norms(points, points.frame(some), size)
    if not np.isfinite(norms.given).all():
        row = int(np.flatnonzero(~np.isfinite(norms.given))[0])
        raise InputError(f"row {row} is too long for its norm to be squared; scale down")
    return norms


def _norms(points: Points, frame: Frame, size: int) -> Norms:
    given = np.empty(len(points))
    sq = given if frame.origin is None else np.empty(len(points))
    for span in spans(len(points), size):
        with np.errstate(over="ignore", invalid="ignore"):
            given[span] = points.tile(span, frame.plain()).sq
            if frame.origin is not None:
                sq[span] = points.tile(span, frame).sq
    return Norms(frame, sq, given)


def longest(points: Points, norms: Norms, size: int) -> int:
    """The row with the largest norm as given, the lowest of equals."""
    gamma = points.tile(slice(0, 1), norms.frame).gamma
    rows = np.flatnonzero(norms.given >= norms.given.max() * (1 - 4 * gamma) - 1e-36)
    best, norm = -1, -1.0
    for span in spans(len(rows), size):
        exact = points.exact(rows[span]).sqnorms()
        if exact.max() > norm:
            best, norm = int(rows[span][exact.argmax()]), float(exact.max())
    return best
