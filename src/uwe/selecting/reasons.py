"""Why a row was picked, in the given features: how far from others, and for whom it stands.

Products of centred rows give all distances at once, but lose what cancels; so they only propose.
A pick's distance is then taken in float64 as a difference, and a row between two picks that
float32 cannot tell apart is settled in float64.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from uwe._types import FloatArray, IntArray, Progress, Rows, Scores, Stage
from uwe.selecting.norms import say_norms
from uwe.strategies import Picks, Question, Strategy, needs_of
from uwe.uncertainty import measured

__all__ = [
    "assigned",
    "distances_between",
    "explained",
    "nearest_before",
    "percentiles",
    "stands_for",
]

_ROWS_AT_ONCE = 4096
_SQUARED = 1e-12, 1e12  # sizes of numbers that float32 can square and add
_ROUNDING = {torch.float32: 2.0**-23, torch.float64: 2.0**-52}


def explained(
    picks: Picks,
    strategy: Strategy,
    question: Question,
    *,
    own: Scores | None = None,
    progress: Progress | None = None,
) -> Picks:
    """The picks with the reasons for each; what is not known stays None.

    The log warns where the length of the rows decides what is picked.

    Args:
        picks: of the strategy.
        strategy: its measure is the uncertainty.
        question: that it answered.
        own: an uncertainty of the owner's, float64 ``[n]``, which then stands beside the picks.
        progress: called with a `Stage` "compare".
    """
    predictions, pool = question.predictions, question.pool
    say_norms(strategy, question, picks.rows)
    measure, scores = _uncertainty(strategy, question, own)
    reasons: dict[str, Any] = {}
    if scores is not None:
        reasons["uncertainty"] = scores[torch.from_numpy(picks.rows)].numpy()
        reasons["percentile"] = percentiles(scores, pool.unlabelled, picks.rows)
    if predictions.features is not None:
        x = predictions.features
        apart, nearest = nearest_before(x, picks.rows, pool.labelled)
        near = assigned(x, picks.rows, progress=progress)
        counts = np.bincount(near, minlength=len(picks))
        reasons |= {"distance": apart, "nearest": nearest, "stands_for": counts}
        reasons["assigned"] = picks.rows[near]
    return replace(picks, measure=measure, n=len(pool), **reasons)


def _uncertainty(
    strategy: Strategy, question: Question, own: Scores | None
) -> tuple[str | None, Scores | None]:
    """The owner's where there is one; else the strategy's, where there is what it needs."""
    if own is not None:
        return "uncertainty", own
    reads = needs_of(strategy.measure, question.task).fields
    if not strategy.is_measured and not reads <= question.predictions.fields:
        return None, None
    return strategy.measure_name, measured(strategy.measure, question.predictions).cpu()


def percentiles(scores: Scores, among: Rows, of: Rows) -> FloatArray:
    """Percent of the rows ``among`` that are at most as uncertain as each row ``of``.

    >>> percentiles(torch.tensor([0.1, 0.4, 0.2, 0.9]), np.arange(4), np.array([1, 3])).tolist()
    [75.0, 100.0]
    """
    ordered = np.sort(scores[torch.from_numpy(among)].numpy())
    below = np.searchsorted(ordered, scores[torch.from_numpy(of)].numpy(), side="right")
    percent: FloatArray = 100.0 * below / len(ordered)
    return percent


def nearest_before(x: torch.Tensor, picks: Rows, labelled: Rows) -> tuple[FloatArray, Rows]:
    """Each pick's nearest earlier pick or labelled row, and the Euclidean distance to it.

    Args:
        x: features ``[n, d]``.
        picks: ``[k]``, in the order of picking.
        labelled: ``[l]``.

    Returns:
        float64 ``[k]`` and int64 ``[k]``; infinity and -1 where nothing comes before.

    >>> x = torch.tensor([[0.0], [3.0], [7.0]])
    >>> nearest_before(x, np.array([2, 0]), np.array([1]))
    (array([4., 3.]), array([1, 1]))
    """
    before = np.concatenate([labelled, picks])
    origin = _rows(x, picks).double().mean(0)
    mine = _rows(x, picks).double() - origin
    nearest = torch.full((len(picks),), torch.inf, dtype=torch.float64)
    which = torch.full((len(picks),), -1)
    for start in range(0, len(before), _ROWS_AT_ONCE):
        theirs = _rows(x, before[start : start + _ROWS_AT_ONCE]).double() - origin
        apart = _sqdist(mine, theirs)
        _hide_later(apart, start - len(labelled))
        least, at = apart.min(1)
        closer = least < nearest
        nearest[closer], which[closer] = least[closer], at[closer] + start
    found = which.numpy()
    rows = np.where(found >= 0, before[found], -1)
    return _distances(x, picks, rows), rows


def stands_for(x: torch.Tensor, picks: Rows, *, progress: Progress | None = None) -> IntArray:
    """How many rows of ``x`` are nearer to each pick than to any other; of equals, the earlier.

    Args:
        x: features ``[n, d]``.
        picks: ``[k]``, in the order of picking.
        progress: as in `assigned`.

    Returns:
        int64 ``[k]``, n in all.

    >>> stands_for(torch.tensor([[0.0], [1.0], [5.0], [6.0]]), np.array([0, 3])).tolist()
    [2, 2]
    """
    return np.bincount(assigned(x, picks, progress=progress), minlength=len(picks))


def assigned(x: torch.Tensor, picks: Rows, *, progress: Progress | None = None) -> IntArray:
    """The nearest pick of each row of ``x``, as its place among the picks; of equals, the earlier.

    Args:
        x: features ``[n, d]``.
        picks: ``[k]``, in the order of picking.
        progress: called with a `Stage` "compare": rows done, and n.

    Returns:
        int64 ``[n]``.

    >>> assigned(torch.tensor([[0.0], [1.0], [5.0], [6.0]]), np.array([3, 0])).tolist()
    [1, 1, 0, 0]
    """
    origin = _rows(x, picks).double().mean(0)
    exact = _rows(x, picks).double() - origin
    scale = _scale(x, origin)
    centres = (exact * scale).float()
    nearest = np.empty(len(x), dtype=np.int64)
    for start in range(0, len(x), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        rows = ((x[block].double() - origin) * scale).float()
        near, close = _screened(rows, centres)
        if len(close):
            near[close] = _first_within(_rows(x, start + close.numpy()).double() - origin, exact)
        nearest[block] = near.numpy()
        if progress is not None:
            progress(Stage("", 0, "compare", min(start + _ROWS_AT_ONCE, len(x)), len(x)))
    return nearest


def distances_between(x: torch.Tensor, rows: Rows, others: Rows) -> FloatArray:
    """Euclidean distance of each of ``rows`` to the row of ``others`` beside it, float64.

    >>> distances_between(torch.tensor([[0.0], [3.0]]), np.array([0, 1]), np.array([1, 1])).tolist()
    [3.0, 0.0]
    """
    starts = range(0, len(rows), _ROWS_AT_ONCE)
    spans = [slice(start, start + _ROWS_AT_ONCE) for start in starts]
    return np.concatenate([np.zeros(0), *(_distances(x, rows[at], others[at]) for at in spans)])


def _scale(x: torch.Tensor, origin: torch.Tensor) -> float:
    """1 where float32 can square the rows' distances to the origin, else a power of two for it."""
    largest = max(float(block.abs().max()) for block in torch.split(x, _ROWS_AT_ONCE))
    size = largest + float(origin.abs().max())
    if size == 0.0 or _SQUARED[0] < size < _SQUARED[1]:
        return 1.0
    return float(2.0 ** -np.rint(np.log2(size)))


def _screened(x: torch.Tensor, centres: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest centre of each row, and the rows of which another is as near within rounding."""
    apart = _sqdist(x, centres)
    least, near = apart.min(1)
    apart.scatter_(1, near[:, None], torch.inf)
    return near, (apart.amin(1) <= least + _slack(x, centres)).nonzero()[:, 0]


def _first_within(x: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """The first centre within rounding of the nearest."""
    apart = _sqdist(x, centres)
    within = apart <= (apart.amin(1) + _slack(x, centres))[:, None]
    return within.int().argmax(1)


def _slack(x: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    size = x.square().sum(1) + centres.square().sum(1).max()
    return (x.shape[1] + 16) * _ROUNDING[x.dtype] * size


def _sqdist(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    apart = torch.addmm(y.square().sum(1), x, y.T, alpha=-2)
    return apart.add_(x.square().sum(1)[:, None])


def _hide_later(apart: torch.Tensor, first: int) -> None:
    """Put what is no earlier pick out of reach; column j is pick ``first + j``, if that is one."""
    order = torch.arange(first, first + apart.shape[1])
    apart[order[None, :] >= torch.arange(len(apart))[:, None]] = torch.inf


def _distances(x: torch.Tensor, picks: Rows, others: Rows) -> FloatArray:
    there = others >= 0
    gap = _rows(x, picks[there]).double() - _rows(x, others[there]).double()
    apart: FloatArray = np.full(len(picks), np.inf)
    apart[there] = gap.square().sum(1).sqrt().numpy()
    return apart


def _rows(x: torch.Tensor, rows: Rows) -> torch.Tensor:
    return x[torch.from_numpy(rows)]
