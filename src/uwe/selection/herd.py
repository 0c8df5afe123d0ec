"""Greedy weighted coverage (herding), exactly, with bounds that are refined where they decide.

The gain of a candidate only falls as others are picked, so an old gain is an upper bound. The
candidate with the largest bound is refined, in three steps: its column of kernel bounds in working
precision, the sum over that column now, and the exact kernel values of the rows that it may cover
better. A candidate whose exact gain is not behind any bound is provably the pick of the greedy.
"""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from uwe._types import FloatArray, Progress, Rows
from uwe.errors import require_known
from uwe.points import Array, Points
from uwe.selection._coverage import Coverage
from uwe.selection._gain import KERNELS, quantum_of
from uwe.selection._herd_plan import make_sizes
from uwe.selection._lazy import Search
from uwe.selection._norms import take_norms
from uwe.selection._plan import Memory
from uwe.selection._progress import tell
from uwe.selection._scene import Scene, Sizes
from uwe.selection._validation import (
    checked,
    checked_candidates,
    checked_radius,
    checked_weights,
)

__all__ = ["herd"]


@overload
def herd(
    x: Points | Array,
    k: int,
    *,
    radius: float,
    weights: Any = None,
    anchors: Points | Array | None = None,
    kernel: str = "rbf",
    candidates: Any = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Progress | None = None,
    return_gain: Literal[False] = False,
) -> Rows: ...


@overload
def herd(
    x: Points | Array,
    k: int,
    *,
    radius: float,
    weights: Any = None,
    anchors: Points | Array | None = None,
    kernel: str = "rbf",
    candidates: Any = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Progress | None = None,
    return_gain: Literal[True],
) -> tuple[Rows, FloatArray]: ...


def herd(
    x: Points | Array,
    k: int,
    *,
    radius: float,
    weights: Any = None,
    anchors: Points | Array | None = None,
    kernel: str = "rbf",
    candidates: Any = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Progress | None = None,
    return_gain: bool = False,
) -> Rows | tuple[Rows, FloatArray]:
    """Pick k rows that cover all rows best, one after another.

    Formula: ``argmax_c Σᵢ wᵢ max(0, K(xᵢ, c) - mᵢ)``, mᵢ being the largest kernel value between xᵢ
    and the anchors and the earlier picks; of equal gains, the lower row. Each term is rounded down
    to a multiple of a power of two that depends on n and the weights alone, so gains do not depend
    on ``max_memory``, blocks or threads, and neither do the picks.

    Args:
        x: n rows: an array, a tensor or a memory-mapped file ``[n, d]``, or ``Product(a, b)``.
        k: how many to pick, 0 to the number of candidates.
        radius: length r of the kernel, above 0.
        weights: ``[n]``, how much each row counts, finite and not negative; 1 by default.
        anchors: rows that cover as if picked before.
        kernel: ``rbf``, ``exp(-d²/r²)``, or ``tophat``, 1 where ``d <= r`` and else 0.
        candidates: rows that may be picked, as numbers or as a mask ``[n]``; all by default. All
            rows count as covered or not.
        device: where to compute; by default where ``x`` is.
        max_memory: bytes that may be allocated beyond ``x``, as a number or as ``"2GB"``.
        progress: called with a `Stage` after each pick: picks so far, and k.
        return_gain: whether to give the gain of each pick when it was picked as well.

    Returns:
        int64 ``[k]``, distinct rows; with ``return_gain`` also float64 ``[k]``.

    Raises:
        InputError: a row with NaN or infinity, k above the number of candidates, weights, anchors,
            candidates or radius that do not fit, or too little memory.

    Source: Bae et al. (2024), Generalized coverage for more robust low-budget active learning;
    Nemhauser, Wolsey and Fisher (1978) for the greedy.

    >>> herd(np.array([[0.0], [1.0], [1.1], [5.0]]), 2, radius=1.0)
    array([1, 3])
    """
    require_known(kernel, KERNELS, "kernel")
    points, known = checked(x, k, anchors, device)
    n = len(points)
    picks, gains = _herd(
        points,
        k,
        kernel=kernel,
        radius=checked_radius(radius),
        weights=checked_weights(weights, n),
        anchors=known,
        candidates=checked_candidates(candidates, n, k),
        sizes=make_sizes(points, max_memory),
        progress=progress,
    )
    return (picks, gains) if return_gain else picks


def _herd(
    points: Points,
    k: int,
    *,
    kernel: str,
    radius: float,
    weights: FloatArray,
    anchors: Points | None,
    candidates: Rows,
    sizes: Sizes,
    progress: Progress | None = None,
) -> tuple[Rows, FloatArray]:
    """The picks and their gains."""
    picks, gains = np.empty(k, dtype=np.int64), np.empty(k)
    if not len(points):
        return picks, gains
    norms = take_norms(points, sizes.rows)
    if not k:
        return picks, gains
    quantum = quantum_of(len(points), float(weights.max()))
    cover = Coverage(Scene(points, norms, KERNELS[kernel], radius, weights, quantum, sizes))
    if anchors is not None:
        cover.anchor(anchors)
    search = Search(cover, candidates, k)
    for i in range(k):
        picks[i], gain = search.next()
        gains[i] = gain * quantum
        tell(progress, i + 1, k)
    return picks, gains
