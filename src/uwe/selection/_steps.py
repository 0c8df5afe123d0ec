"""Greedy k-center one pick at a time: where blocks would cost more than they save.

A plain loop of one product for each pick, in working precision, and no dearer than that: what
rounding leaves open is noted on the way and judged in float64 some picks later. Where the judge
disagrees the loop goes back to that pick, so the picks are those of blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from uwe._types import FloatArray, IntArray, Progress, Rows
from uwe.points import Tile
from uwe.selection._bounds import reach, spans, within
from uwe.selection._nearest import Nearest
from uwe.selection._progress import tell

__all__ = ["Steps", "pick_in_steps"]

_RUN = 128  # picks before they are judged
_CONTESTED = 2  # rows to be judged in a run, for each row of the pool and 1,000 more, at most


@dataclass(frozen=True)
class _Contest:
    """A step at which more than one row may have been the farthest."""

    step: int
    rows: IntArray  # those beside the one that was picked


class Steps:
    """Squared distances of all rows as working precision rounds them, in units of the tile.

    Picked rows hold minus infinity.
    """

    def __init__(self, near: Nearest, dtype: torch.dtype) -> None:
        self.near = near
        whole, wide = slice(0, len(near.points)), dtype == torch.float64
        sq = None if wide else near.sq
        self.tile: Tile = near.points.tile(whole, near.frame, dtype, sq=sq)
        self.sq = self.tile.sq.astype(np.float64 if wide else np.float32)
        self.gap = np.empty_like(self.sq)
        self.sqdist = np.full_like(self.sq, np.inf)
        for some in spans(near.count, near.plan.tile_centres):
            self.meet(near.centres(np.arange(some.start, some.stop), dtype))
        self.sqdist[near.picked()] = -np.inf
        self.norm = np.sqrt(self.tile.sq)
        self.slack = 2 * float(self._error(self.norm.max(), self.norm.max()))

    def meet(self, centres: Tile) -> None:
        """Lower the distances of all rows by some centres."""
        for rows in spans(len(self.sq), self.near.plan.tile_rows):
            gap = self.tile.take(rows).offsets(centres).min(1)
            self.sqdist[rows] = np.minimum(self.sqdist[rows], gap + self.sq[rows])

    def run(self, most: int) -> tuple[list[int], list[_Contest]]:
        """Pick a few rows, and note where others may have been the farthest."""
        sqdist, sq, gap, steps = self.sqdist, self.sq, self.gap, self.tile.steps
        room = _CONTESTED * len(sq) + 1000
        picks: list[int] = []
        contests: list[_Contest] = []
        while len(picks) < most and room > 0:
            top = int(sqdist.argmax())
            value = float(sqdist[top])
            sqdist[top] = -np.inf
            if sqdist[sqdist.argmax()] >= value - self.slack:
                rows = self._beside(value, top)
                if len(rows):
                    contests.append(_Contest(len(picks), rows))
                    room -= len(rows)
            picks.append(top)
            steps(top, gap)
            gap += sq
            gap += sq[top]
            np.minimum(sqdist, gap, out=sqdist)
        return picks, contests

    def _beside(self, value: float, top: int) -> IntArray:
        """Rows that may be as far as ``top``."""
        rows = np.flatnonzero(self.sqdist >= value - self.slack)
        apart = np.sqrt(max(value, 0.0) + self.slack)
        most = self.sqdist[rows] + self._error(self.norm[rows], self.norm[rows] + apart)
        floor = value - self._error(self.norm[top], self.norm[top] + apart)
        beside: IntArray = rows[(most >= floor) & (most > -np.inf)]
        return beside

    def _error(self, norm: Any, centre: Any) -> Any:
        """What rounding may change, ``γ (|x| + |c|)²``; a far centre is no row's nearest."""
        return 1.1 * self.tile.gamma * (norm + centre) ** 2 + self.tile.tiny


def pick_in_steps(
    steps: Steps, apart: FloatArray, progress: Progress | None, *, distances: bool
) -> None:
    """Pick until all are picked, or until too much is left open for single steps to pay.

    Args:
        steps: where the work stands.
        apart: float64 ``[k]``; the squared distances of the picks, where wanted, go here.
        progress: called with a `Stage`: picks so far, and k.
        distances: whether they are wanted.
    """
    near, k = steps.near, len(apart)
    contested = 0
    while (done := len(near.picked())) < k and contested <= len(steps.sq) + 1000:
        before = steps.sqdist.copy()
        picks, contests = steps.run(min(_RUN, k - done))
        verdict = _judge(near, picks, contests, every=distances)
        if verdict.is_zero:
            near.add(np.flatnonzero(near.sqdist >= 0.0)[: k - done])
            apart[done:] = 0.0
            return
        near.add(verdict.picks)
        if len(verdict.picks) < len(picks) or verdict.picks[-1] != picks[-1]:
            _go_back(steps, before, verdict.picks)
        apart[done : done + len(verdict.picks)] = verdict.apart
        contested = sum(len(contest.rows) for contest in contests)
        tell(progress, len(near.picked()), k)


def _go_back(steps: Steps, before: FloatArray, picks: Rows) -> None:
    """As if only ``picks`` had been picked since."""
    steps.sqdist = before
    steps.meet(steps.tile.take(picks))
    steps.sqdist[picks] = -np.inf


@dataclass(frozen=True)
class _Verdict:
    """The picks of a run that stand, the last of them perhaps another than was picked.

    Attributes:
        picks: at least one.
        apart: float64, their squared distances where these were judged, else infinite.
        is_zero: whether no row was apart from the centres at the first contest.
    """

    picks: Rows
    apart: FloatArray
    is_zero: bool


def _judge(near: Nearest, picks: list[int], contests: list[_Contest], *, every: bool) -> _Verdict:
    """Compare the rows of each contest by exact distances."""
    chosen = np.array(picks, dtype=np.int64)
    apart = np.full(len(picks), np.inf)
    at = [c.step for c in contests]
    known = chosen if every else chosen[at]
    rows = np.unique(np.concatenate([known, *(c.rows for c in contests)]))
    if not len(rows):
        return _Verdict(chosen, apart, is_zero=False)
    course = _course(near, rows, chosen)
    for step in range(len(picks)) if every else at:
        apart[step] = course[np.searchsorted(rows, chosen[step]), step]
    for contest in contests:
        step, beside = contest.step, contest.rows
        values = course[np.searchsorted(rows, beside), step]
        best = int(values.argmax())
        own, other = (apart[step], -chosen[step]), (values[best], -beside[best])
        if max(own, other)[0] == 0.0:
            return _Verdict(chosen[:step], apart[:step], is_zero=step == 0)
        if other > own:
            chosen[step], apart[step] = beside[best], values[best]
            return _Verdict(chosen[: step + 1], apart[: step + 1], is_zero=False)
    return _Verdict(chosen, apart, is_zero=False)


def _course(near: Nearest, rows: Rows, picks: Rows) -> FloatArray:
    """Exact squared distances of rows before each of the picks, ``[m, picks]``."""
    near.update(near.stale(rows))
    near.settle(rows)
    course = np.empty((len(rows), len(picks) + 1))
    course[:] = near.sqdist[rows, None]
    for span in spans(len(rows), near.plan.tile_rows):
        tile = near.tile(rows[span])
        table = tile.offsets(near.tile(picks))
        limit = reach(near.sqdist[rows[span]] / near.frame.unit, tile.sq, tile)
        one, pick = within(table, limit)
        for some in spans(len(one), near.plan.pairs):
            mine = near.points.exact(rows[span][one[some]])
            gap = mine.sqdist(near.points.exact(picks[pick[some]]))
            np.minimum.at(course, (one[some] + span.start, pick[some] + 1), gap)
    return np.minimum.accumulate(course, axis=1)[:, :-1]
