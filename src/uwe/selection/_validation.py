"""What the kernels ask of their arguments."""

from __future__ import annotations

import numpy as np
import torch

from uwe._types import BoolArray, FloatArray, Rows
from uwe.errors import InputError
from uwe.points import Array, Dense, Points, Product, as_points

__all__ = ["checked", "checked_candidates", "checked_radius", "checked_weights", "require_finite"]

_ROWS = 1024


def checked(
    x: Points | Array, k: int, anchors: Points | Array | None, device: str | torch.device | None
) -> tuple[Points, Points | None]:
    """The rows and the anchors as points of one space.

    Raises:
        InputError: k is not from 0 to n, or the anchors are of another space.
    """
    points = as_points(x, device=device)
    if not 0 <= k <= len(points):
        raise InputError(f"asked for {k} picks of {len(points)} rows; k must be from 0 to n")
    if anchors is None or len(anchors) == 0:
        return points, None
    known = _same_space(points, as_points(anchors, device=points.device))
    require_finite(known, "anchors: ")
    return points, known


def checked_weights(weights: object, n: int) -> FloatArray:
    """One weight a row, 1 where none are given.

    Raises:
        InputError: of another number, negative, NaN or infinite.
    """
    if weights is None:
        return np.ones(n)
    given = weights.detach().cpu() if isinstance(weights, torch.Tensor) else weights
    found = np.asarray(given, dtype=np.float64)
    if found.shape != (n,):
        raise InputError(f"weights are of shape {found.shape}, but there are {n} rows")
    broken = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(broken):
        at = int(broken[0])
        raise InputError(f"the weight of row {at} is {found[at]}; weights must be finite and >= 0")
    return found


def checked_radius(radius: float) -> float:
    """A length whose square is neither 0 nor infinite.

    Raises:
        InputError: it is not.
    """
    if not 1e-150 < radius < 1e150:
        raise InputError(f"radius is {radius}; give a number above 0, from 1e-150 to 1e150")
    return float(radius)


def checked_candidates(candidates: object, n: int, k: int) -> Rows:
    """The rows that may be picked, ascending; all where none are named.

    Args:
        candidates: row numbers, or a mask ``[n]``, or None.
        n: rows.
        k: picks.

    Raises:
        InputError: no rows of the pool, repeated rows, or fewer than k.
    """
    rows = np.arange(n) if candidates is None else _row_numbers(candidates, n)
    if k > len(rows):
        raise InputError(f"asked for {k} picks of {len(rows)} candidates; allow more or pick fewer")
    return rows


def _row_numbers(candidates: object, n: int) -> Rows:
    given = candidates.cpu() if isinstance(candidates, torch.Tensor) else candidates
    found = np.asarray(given)
    if found.dtype == np.bool_:
        mask: BoolArray = found
        if mask.shape != (n,):
            raise InputError(f"the mask of candidates is of shape {mask.shape}, but n is {n}")
        return np.flatnonzero(mask)
    if found.ndim != 1 or (found.size and not np.issubdtype(found.dtype, np.integer)):
        raise InputError(f"candidates must be row numbers or a mask [n], not {found.dtype} values")
    rows = np.unique(found.astype(np.int64))
    if len(rows) < found.size:
        raise InputError(f"candidates name {found.size} rows, of which {len(rows)} differ")
    if len(rows) and (rows[0] < 0 or rows[-1] >= n):
        wrong = int(rows[0] if rows[0] < 0 else rows[-1])
        raise InputError(f"candidate {wrong} is not among the rows 0 to {n - 1}")
    return rows


def require_finite(points: Points, whose: str = "") -> None:
    """Look at every row once.

    Raises:
        InputError: a row holds NaN or infinity.
    """
    for start in range(0, len(points), _ROWS):
        broken = np.flatnonzero(~points.finite(slice(start, start + _ROWS)))
        if len(broken):
            raise InputError(f"{whose}row {start + broken[0]} holds NaN or infinity")


def _same_space(points: Points, anchors: Points) -> Points:
    mine, theirs = _shape(points), _shape(anchors)
    if mine != theirs:
        raise InputError(f"rows are {_named(mine)}, but anchors are {_named(theirs)}")
    return anchors


def _shape(points: Points) -> tuple[int, ...]:
    if isinstance(points, Product):
        return (points.a.shape[1], points.b.shape[1])
    return (points.x.shape[1],) if isinstance(points, Dense) else (points.width,)


def _named(shape: tuple[int, ...]) -> str:
    return f"{' x '.join(map(str, shape))} wide"
