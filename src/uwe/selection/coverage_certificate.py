"""Whether picks are those of greedy weighted coverage: a check in float64, apart from `herd`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from uwe._types import FloatArray, Rows
from uwe.errors import InputError, require_known
from uwe.points import Array, Points
from uwe.selection._bounds import on_host, spans
from uwe.selection._gain import KERNELS
from uwe.selection._validation import (
    checked,
    checked_candidates,
    checked_radius,
    checked_weights,
)

__all__ = ["certify_coverage"]

_SIZE = 512
_CANCELLED = 1e-5  # of the norms: below it a difference of float64 norms is taken row by row


def certify_coverage(
    x: Points | Array,
    picks: Rows,
    *,
    radius: float,
    weights: Any = None,
    anchors: Points | Array | None = None,
    kernel: str = "rbf",
    candidates: Any = None,
    turns: Any = None,
) -> float:
    """How far the picks fall short of greedy weighted coverage at worst; 0 where they do not.

    Formula: the largest, over picks, of ``(best gain - the pick's) / largest gain of all``, gains
    of all candidates that were left at the pick's turn. A shortfall below ``1e-9`` of the largest
    gain, or below ``1e-10`` of all weight, is rounding, and counts as 0.

    For every turn that is checked, every row meets every candidate in float64. That is n products
    of ``[n, d]`` a turn where all rows are candidates, far more than picking took: check some of
    the turns of a large pool.

    Args:
        x: n rows: an array, a tensor or a memory-mapped file ``[n, d]``, or ``Product(a, b)``.
        picks: int64 ``[k]``, in the order of picking.
        radius: length of the kernel.
        weights: ``[n]``, how much each row counts; 1 by default.
        anchors: rows that cover as if picked before.
        kernel: ``rbf`` or ``tophat``.
        candidates: rows that could be picked, as numbers or as a mask; all by default.
        turns: positions in ``picks`` that are checked; all by default.

    Returns:
        A number from 0 to 1.

    Raises:
        InputError: picks are not distinct candidates, or an argument that `herd` refuses.

    >>> x = np.array([[0.0], [1.0], [2.0], [9.0]])
    >>> certify_coverage(x, np.array([1, 3]), radius=1.0, kernel="tophat")
    0.0
    >>> round(certify_coverage(x, np.array([3, 1]), radius=1.0, kernel="tophat"), 3)
    0.667
    """
    require_known(kernel, KERNELS, "kernel")
    at = np.asarray(picks, dtype=np.int64)
    points, known = checked(x, len(at), anchors, None)
    n = len(points)
    allowed = checked_candidates(candidates, n, len(at))
    if len(np.unique(at)) < len(at) or not np.isin(at, allowed).all():
        raise InputError(f"picks must be distinct rows of the {len(allowed)} candidates")
    check = _Check(points, kernel, checked_radius(radius), checked_weights(weights, n))
    covered = np.zeros(n)
    if known is not None:
        for part in spans(len(known), _SIZE):
            which = np.arange(part.start, part.stop)
            covered = np.maximum(covered, check.table(known, which).max(1))
    asked = _turns(turns, len(at))
    worst = largest = 0.0
    for turn, pick in enumerate(at):
        if turn in asked:
            left = allowed[~np.isin(allowed, at[:turn])]
            gains = check.gains(left, covered)
            largest = max(largest, float(gains.max()))
            worst = max(worst, float(gains.max() - gains[left == pick][0]))
        covered = np.maximum(covered, check.table(points, np.array([pick]))[:, 0])
    rounding = max(1e-9 * largest, 1e-10 * float(check.weights.sum()))
    return worst / largest if worst > rounding else 0.0


def _turns(turns: Any, k: int) -> frozenset[int]:
    if turns is None:
        return frozenset(range(k))
    asked = np.atleast_1d(np.asarray(turns, dtype=np.int64))
    if len(asked) and (asked.min() < 0 or asked.max() >= k):
        raise InputError(f"turns must be from 0 to {k - 1}; {asked.min()} to {asked.max()} given")
    return frozenset(asked.tolist())


class _Check:
    """Kernel values and gains, plainly."""

    def __init__(self, points: Points, kernel: str, radius: float, weights: FloatArray) -> None:
        self.points, self.frame = points, points.frame()
        self.kernel, self.sqradius = KERNELS[kernel], radius * radius
        self.weights = weights

    def gains(self, candidates: Rows, covered: FloatArray) -> FloatArray:
        """The gain of each candidate, in float64."""
        gains = np.zeros(len(candidates))
        for part in spans(len(candidates), _SIZE):
            for span in spans(len(self.points), _SIZE):
                rise = self._some(span, self.points, candidates[part]) - covered[span, None]
                gains[part] += self.weights[span] @ np.maximum(rise, 0.0)
        return gains

    def table(self, source: Points, centres: Rows) -> FloatArray:
        """Kernel values of all rows and some centres ``[n, j]``."""
        return np.concatenate(
            [self._some(span, source, centres) for span in spans(len(self.points), _SIZE)]
        )

    def _some(self, span: slice, source: Points, centres: Rows) -> FloatArray:
        tile = self.points.tile(span, self.frame, torch.float64)
        others = source.tile(centres, self.frame, torch.float64)
        total = np.asarray(on_host(tile.offsets(others))) + tile.sq[:, None]
        sqdist: FloatArray = total * self.frame.unit
        edge = np.abs(sqdist - self.sqradius) <= _CANCELLED * self.sqradius
        close = total <= _CANCELLED * (tile.sq[:, None] + others.sq)
        open_ = close | edge if self.kernel.name == "tophat" else close
        at, centre = np.nonzero(open_)
        for part in spans(len(at), 256):
            some, their = at[part] + span.start, centres[centre[part]]
            exact = self.points.exact(some).sqdist(source.exact(their))
            sqdist[at[part], centre[part]] = exact
        return self.kernel.of(np.maximum(sqdist, 0.0), self.sqradius)
