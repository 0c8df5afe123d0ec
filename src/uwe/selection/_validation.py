"""What the kernels ask of their arguments."""

from __future__ import annotations

import numpy as np
import torch

from uwe.errors import InputError
from uwe.points import Array, Dense, Points, Product, as_points

__all__ = ["checked", "require_finite"]

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
