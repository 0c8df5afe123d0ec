"""D² sampling, the seeding of k-means++: far rows are likely, not certain.

Candidates are drawn with replacement from the weights as last known, and each is accepted with
probability (its weight now) / (the weight it was drawn with): the accepted sequence has exactly
the law of drawing one row after another. A batch ends early by what it accepted so far; it is
never undone. All rows are brought up to date only when few candidates are accepted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, overload

import numpy as np
import torch

from uwe._random import generator
from uwe._types import FloatArray, IntArray, Progress, Rows
from uwe.points import Array, Points
from uwe.selection._bounds import bounds, on_host, reach, spans
from uwe.selection._draws import is_small, one_by_one
from uwe.selection._nearest import Nearest
from uwe.selection._norms import longest, take_norms
from uwe.selection._plan import Memory, Plan, make_plan
from uwe.selection._progress import tell
from uwe.selection._validation import checked

__all__ = ["k_means_pp"]

_ACCEPTANCE = 0.4  # above it the weights are good enough
_CANDIDATE = 2000  # what a candidate costs beside the centres it meets, in pairs
_BATCH = 512  # candidates, at most; of the law, so it does not depend on the memory
_BELOW = np.int64(2**48 - 1)  # the bits of a float64 below four digits


@overload
def k_means_pp(
    x: Points | Array,
    k: int,
    *,
    seed: int,
    anchors: Points | Array | None = None,
    device: str | None = None,
    max_memory: Memory = None,
    progress: Progress | None = None,
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
    progress: Progress | None = None,
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
    progress: Progress | None = None,
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
        progress: called with a `Stage` after each block of picks: picks so far, and k.
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
    plan = replace(make_plan(points, k, 0, max_memory), cells=1)
    if is_small(points, k):
        picks, apart = one_by_one(points, k, generator(seed), known)
        tell(progress, k, k)
        return (picks, apart) if return_distance else picks
    picks, apart = _sampled(points, k, seed, known, plan, progress, distances=return_distance)
    return (picks, apart) if return_distance else picks


def _sampled(
    points: Points,
    k: int,
    seed: int,
    anchors: Points | None,
    plan: Plan,
    progress: Progress | None,
    *,
    distances: bool = True,
) -> tuple[Rows, FloatArray]:
    if not len(points):
        return np.empty(0, dtype=np.int64), np.empty(0)
    norms = take_norms(points, plan.tile_rows)
    if not k:
        return np.empty(0, dtype=np.int64), np.empty(0)
    near = Nearest(points, norms.frame, norms.sq, plan, k, anchors)
    sampler = Sampler(near, generator(seed), k, distances=distances)
    if not near.count:
        sampler.accept(np.array([longest(points, norms, plan.pairs)]), np.array([np.inf]))
    sampler.refresh()
    while sampler.done < k:
        sampler.step()
        tell(progress, sampler.done, k)
    return near.picks, np.sqrt(sampler.apart)


class Sampler:
    """The draws: weights as last known, and what was accepted.

    Attributes:
        weight: float64 ``[n]``, at least the squared distances when they were last brought up to
            date: these rounded up to four bits, so that few of them need be known exactly.
    """

    def __init__(self, near: Nearest, rng: torch.Generator, k: int, *, distances: bool) -> None:
        self.near = near
        self.rng = rng
        self.k = k
        self.distances = distances
        self.apart = np.full(k, np.nan)
        self.done = 0
        self.weight = np.empty(0)
        self.cumulative = np.empty(0)
        self.waste = 0
        self.fresh = 0  # centres that the weights know of

    def refresh(self) -> None:
        """Bring the weights of all rows up to date."""
        near = self.near
        rows = np.flatnonzero(near.sqdist > 0.0)
        near.update(rows)
        low, high = rounded_up(near.lower()), rounded_up(near.sqdist)
        unsure = np.flatnonzero(low != high)
        near.settle(unsure)
        high[unsure] = rounded_up(near.sqdist[unsure])
        self.weight = high
        self.cumulative = np.cumsum(high)
        self.fresh = near.count
        self.waste = 0

    def step(self) -> None:
        """Draw a batch; refresh where it accepted little, draw evenly where nothing weighs."""
        if self.cumulative[-1] <= 0.0:
            left = np.flatnonzero(self.near.sqdist >= 0.0)
            order = torch.randperm(len(left), generator=self.rng).numpy()
            rest = left[order[: self.k - self.done]]
            self.accept(rest, np.zeros(len(rest)))
        elif self._wasteful(*self.batch()):
            self.refresh()

    def _wasteful(self, accepted: int, tried: int) -> bool:
        """Whether rejected candidates have cost as many pairs as fresh weights would.

        A question of the picks alone, so that the memory has no say in the draws.
        """
        age = self.near.count - self.fresh
        self.waste += (tried - accepted) * (age + _CANDIDATE)
        return accepted < _ACCEPTANCE * tried and self.waste > len(self.near.points) * age

    def batch(self) -> tuple[int, int]:
        """Draw candidates and accept some; how many were accepted, and how many were tried."""
        size = min(_BATCH, 24 + 3 * (self.k - self.done))
        uniform = torch.rand((2, size), generator=self.rng, dtype=torch.float64).numpy()
        drawn = np.searchsorted(self.cumulative, uniform[0] * self.cumulative[-1], side="right")
        drawn = np.minimum(drawn, np.searchsorted(self.cumulative, self.cumulative[-1]))
        rows, place = np.unique(drawn, return_inverse=True)
        self.near.update(self.near.stale(rows))
        race = Race(self.near, rows)
        tried = race.run(place, uniform[1] * self.weight[drawn], self.k - self.done)
        self.weight[rows] = race.weights()
        np.cumsum(self.weight, out=self.cumulative)
        self.accept(rows[race.picks], race.apart() if self.distances else np.empty(0))
        return len(race.picks), tried

    def accept(self, rows: Rows, apart: FloatArray) -> None:
        """Make rows picks."""
        self.near.add(rows)
        if self.distances:
            self.apart[self.done : self.done + len(rows)] = apart
        self.done += len(rows)


class Race:
    """Candidates of a batch, up to date with all centres before it; each may become one.

    Attributes:
        low: float64 ``[m]``, lower bounds of the squared distances, -1 for those accepted.
        high: float64 ``[m]``, upper bounds.
        picks: positions of those accepted, in their order.
    """

    def __init__(self, near: Nearest, rows: Rows) -> None:
        self.near = near
        self.rows = rows
        self.low, self.high = near.lower(rows), near.sqdist[rows].copy()
        self.tile = near.tile(rows)
        self.table = on_host(self.tile.offsets(self.tile))
        self.picks: list[int] = []

    def run(self, place: IntArray, needed: FloatArray, most: int) -> int:
        """Accept candidates in their order until there are ``most``; how many were tried.

        Args:
            place: of each candidate among the rows; a row may be drawn again.
            needed: what its squared distance has to exceed.
            most: picks, at most.
        """
        tried = 0
        for at, least in zip(place.tolist(), needed.tolist(), strict=True):
            tried += 1
            if self._exceeds(at, least):
                self._accept(at)
                if len(self.picks) == most:
                    break
        return tried

    def _exceeds(self, at: int, least: float) -> bool:
        if self.low[at] > least or self.high[at] <= least:
            return bool(self.low[at] > least)
        return bool(self._exact(np.array([at]), len(self.picks))[0] > least)

    def _accept(self, at: int) -> None:
        offset, sq = self.table[at].astype(np.float64), self.tile.sq[at]
        low, high = bounds(offset, sq, self.tile)
        np.minimum(self.low, low * self.near.frame.unit, out=self.low)
        np.minimum(self.high, np.maximum(high, 0.0) * self.near.frame.unit, out=self.high)
        self.low[at] = self.high[at] = -1.0
        self.picks.append(at)

    def weights(self) -> FloatArray:
        """What the rows weigh now, which costs nothing more to know; picks weigh nothing."""
        weights = rounded_up(self.high)
        unsure = np.flatnonzero(rounded_up(self.low) != weights)
        weights[unsure] = rounded_up(self._exact(unsure, len(self.picks)))
        return weights

    def apart(self) -> FloatArray:
        """Squared distance of each pick when it was picked."""
        return self._exact(np.array(self.picks, dtype=np.int64), np.arange(len(self.picks)))

    def _exact(self, at: IntArray, picks: IntArray | int) -> FloatArray:
        """Exact squared distances of rows to all centres and each to so many of the picks."""
        rows, near = self.rows[at], self.near
        near.settle(rows)
        exact = near.sqdist[rows]
        limit = reach(exact / near.frame.unit, self.tile.sq[at], self.tile)
        picked = np.array(self.picks, dtype=np.int64)
        close = self.table[np.ix_(at, picked)] <= limit[:, None]
        close &= np.arange(len(self.picks)) < np.reshape(picks, (-1, 1))
        one, other = np.nonzero(close)
        their = self.rows[picked[other]]
        for span in spans(len(one), near.plan.pairs):
            mine = near.points.exact(rows[one[span]])
            np.minimum.at(exact, one[span], mine.sqdist(near.points.exact(their[span])))
        return exact


def rounded_up(values: FloatArray) -> FloatArray:
    """The next number of four binary digits after the first; what is below 0 becomes 0.

    Exact on every machine, so that weights do not hang on a last bit.

    >>> rounded_up(np.array([1.0, 1.01, 1.99, 0.0, -1.0]))
    array([1.    , 1.0625, 2.    , 0.    , 0.    ])
    """
    bits = np.maximum(values, 0.0).view(np.int64)
    return ((bits + _BELOW) & ~_BELOW).view(np.float64)
