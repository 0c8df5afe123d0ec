"""D² sampling, the seeding of k-means++: far rows are likely, not certain.

Candidates are drawn with replacement from the weights as last known, and each is accepted with
probability (its weight now) / (the weight it was drawn with): the accepted sequence has exactly
the law of drawing one row after another. A batch ends early by what it accepted so far; it is
never undone. All rows are brought up to date only when few candidates are accepted.
"""

from __future__ import annotations

from typing import Literal, overload

import numpy as np
import torch

from uwe._random import generator
from uwe._types import IntArray, Rows
from uwe.points import Array, FloatArray, Points
from uwe.selection._block import Race, race
from uwe.selection._nearest import Nearest, norm_leader
from uwe.selection._plain import Plain, is_small, pick_all
from uwe.selection._plan import Advance, Memory, Plan, make_plan
from uwe.selection._validation import checked

__all__ = ["k_means_pp"]

_ACCEPTANCE = 0.4  # above it the weights are good enough
_CANDIDATE = 2000  # what a candidate costs beside the centres it meets, in pairs
_BATCH = 512  # candidates, at most; of the law, so it does not depend on the memory


@overload
def k_means_pp(
    x: Points | Array,
    k: int,
    *,
    seed: int,
    anchors: Points | Array | None = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Advance | None = None,
    return_distance: Literal[False] = False,
) -> Rows: ...


@overload
def k_means_pp(
    x: Points | Array,
    k: int,
    *,
    seed: int,
    anchors: Points | Array | None = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Advance | None = None,
    return_distance: Literal[True],
) -> tuple[Rows, FloatArray]: ...


def k_means_pp(
    x: Points | Array,
    k: int,
    *,
    seed: int,
    anchors: Points | Array | None = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Advance | None = None,
    return_distance: bool = False,
) -> Rows | tuple[Rows, FloatArray]:
    """``k`` rows drawn one after another by squared distance, in the order of drawing.

    Formula: row i is drawn with probability ``D_i² / Σ_j D_j²``, D being the distance to the
    nearest anchor or earlier pick. Where every weight is zero the rest is drawn uniformly from
    the rows left. Without anchors the first pick is the row with the largest norm.

    The same input and seed give the same picks under every ``max_memory`` and number of threads:
    weights are float64 distances summed in one fixed order.

    Args:
        x: n rows: an array, a tensor or a memory-mapped file ``[n, d]``, or ``Product(a, b)``.
        k: how many to pick, 0 to n.
        seed: of the draws.
        anchors: rows that count as picked before; with them the first pick is drawn, too.
        device: where to compute; by default where ``x`` is.
        max_memory: bytes that may be allocated beyond ``x``, as a number or as ``"2GB"``.
        progress: called with the picks so far and with k.
        return_distance: whether to give the distance of each pick when it was picked as well.

    Returns:
        int64 ``[k]``, distinct rows; with ``return_distance`` also float64 ``[k]``, infinite for a
        first pick without anchors.

    Raises:
        InputError: a row with NaN or infinity, k out of range, anchors of another width, or too
            little memory.

    Source: Arthur, Vassilvitskii (2007), k-means++: the advantages of careful seeding.

    >>> sorted(k_means_pp(np.array([[0.0], [1.0], [6.0]]), 3, seed=1).tolist())
    [0, 1, 2]
    """
    points, known = checked(x, k, anchors, device)
    plan = make_plan(points, max_memory)
    if is_small(points, k, known):
        picks, apart = pick_all(Plain(points, known), k, generator(seed))
        if progress:
            progress(k, k)
        return (picks, apart) if return_distance else picks
    picks, apart = _sampled(points, k, seed, known, plan, progress or (lambda _done, _total: None))
    return (picks, apart) if return_distance else picks


def _sampled(
    points: Points, k: int, seed: int, known: Points | None, plan: Plan, progress: Advance
) -> tuple[Rows, FloatArray]:
    near = Nearest(points, k, plan, points.frame(), known)
    sampler = _Sampler(near, generator(seed), k, progress)
    sampler.start()
    while sampler.done < k:
        sampler.step()
    return near.picks, np.sqrt(sampler.apart)


class _Sampler:
    """The draws: weights as last known, and what was accepted."""

    def __init__(self, near: Nearest, rng: torch.Generator, k: int, progress: Advance) -> None:
        self.near = near
        self.rng = rng
        self.k = k
        self.progress = progress
        self.apart = np.empty(k)
        self.done = 0
        self.weight = np.empty(0)
        self.cumulative = np.empty(0)
        self.waste = 0
        self.fresh = 0  # centres that the weights know of

    def start(self) -> None:
        """Pick the first row, if it is not drawn, and take the first weights."""
        near = self.near
        if not len(near.points):
            return
        leader = norm_leader(near, leader=not near.count)
        if not self.k:
            return
        if not near.count:
            self._accept(np.array([leader]), np.array([np.inf]))
        self.refresh()

    def refresh(self) -> None:
        """Bring the weights of all rows up to date."""
        near = self.near
        self._make_exact(np.flatnonzero(near.sqdist > 0.0))
        self.weight = np.maximum(near.sqdist, 0.0)
        self.cumulative = np.cumsum(self.weight)
        self.fresh = near.count
        self.waste = 0

    def step(self) -> None:
        """Draw a batch; refresh where it accepted little, draw evenly where nothing weighs."""
        if self.cumulative[-1] <= 0.0:
            left = np.flatnonzero(self.near.sqdist >= 0.0)
            order = torch.randperm(len(left), generator=self.rng).numpy()
            rest = left[order[: self.k - self.done]]
            self._accept(rest, np.zeros(len(rest)))
            return
        if self._wasteful(*self._batch()):
            self.refresh()

    def _make_exact(self, rows: Rows) -> None:
        self.near.update(rows)
        self.near.settle(self.near.unsettled(rows))

    def _wasteful(self, accepted: int, tried: int) -> bool:
        """Whether rejected candidates have cost as many pairs as fresh weights would.

        A question of the picks alone, so that the memory has no say in the draws.
        """
        age = self.near.count - self.fresh
        self.waste += (tried - accepted) * (age + _CANDIDATE)
        return accepted < _ACCEPTANCE * tried and self.waste > len(self.near.points) * age

    def _batch(self) -> tuple[int, int]:
        """Draw candidates and accept some; how many were accepted, and how many were tried."""
        size = min(_BATCH, 16 + 2 * (self.k - self.done))
        uniform = torch.rand((2, size), generator=self.rng, dtype=torch.float64).numpy()
        drawn = np.searchsorted(self.cumulative, uniform[0] * self.cumulative[-1], side="right")
        drawn = np.minimum(drawn, np.flatnonzero(self.weight)[-1])
        rows, place = np.unique(drawn, return_inverse=True)
        self._make_exact(rows[self.near.sqdist[rows] > 0.0])
        run = race(self.near.points, self.near.frame, rows, self.near.sqdist[rows])
        apart, tried = _accepted(run, place, uniform[1] * self.weight[drawn], self.k - self.done)
        self._accept(rows[run.picked()], apart)
        return len(apart), tried

    def _accept(self, rows: Rows, apart: FloatArray) -> None:
        self.near.add(rows)
        self.apart[self.done : self.done + len(rows)] = apart
        self.done += len(rows)
        self.progress(self.done, self.k)


def _accepted(run: Race, place: IntArray, needed: FloatArray, most: int) -> tuple[FloatArray, int]:
    """Accept candidates in their order; squared distances of the accepted, how many were tried.

    Stops once it accepted ``most``.
    """
    apart: list[float] = []
    tried = 0
    for row, least in zip(place.tolist(), needed.tolist(), strict=True):
        tried += 1
        if run.high[row] > least and run.exact_value(row) > least:
            apart.append(float(run.high[row]))
            run.pick(row)
        if len(apart) == most:
            break
    return np.array(apart), tried
