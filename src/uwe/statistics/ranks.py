"""Mean ranks over blocks, and which of them a study of that size can tell apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.errors import InputError

__all__ = ["Ranks", "critical_difference", "groups", "rank_blocks"]


@dataclass(frozen=True)
class Ranks:
    """Mean ranks of m strategies over blocks.

    Attributes:
        mean: float64 ``[m]``; 1 is best, equal values share their ranks.
        blocks: how many blocks were ranked.
        p: of Friedman's test that all strategies are alike; NaN for one block or strategy.
    """

    mean: FloatArray
    blocks: int
    p: float


def rank_blocks(values: npt.ArrayLike) -> Ranks:
    """Rank strategies within each block, the highest value first, and average over the blocks.

    Formula: mean rank of column j; Friedman's statistic with the correction for ties,
    (m - 1) sum_j (R_j - n (m + 1) / 2)^2 / sum_ij (r_ij - (m + 1) / 2)^2 with R_j the rank sums,
    against chi-square with m - 1 degrees of freedom.

    Args:
        values: ``[n, m]``, blocks (data set and seed) and strategies; a block with a NaN is left
            out. Budgets of one run are no blocks: they are not independent.

    Raises:
        InputError: the array has not two axes.

    Source: Friedman (1937); Demšar (2006), Statistical comparisons of classifiers over multiple
    data sets.

    >>> rank_blocks([[90.0, 80.0], [70.0, 60.0]]).mean.tolist()
    [1.0, 2.0]
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 2:
        raise InputError(f"values are [blocks, strategies], not of shape {given.shape}")
    whole = given[~np.isnan(given).any(1)]
    n, m = whole.shape
    if not n:
        return Ranks(np.full(m, np.nan), 0, float("nan"))
    ranks = _ranks(whole)
    return Ranks(ranks.mean(0), n, _friedman(ranks))


def critical_difference(m: int, blocks: int, *, alpha: float = 0.05) -> float:
    """How far apart two mean ranks must be to differ (Nemenyi's test over all pairs).

    Formula: q sqrt(m (m + 1) / (6 n)), q the upper ``alpha`` quantile of the studentised range of
    m means with infinitely many degrees of freedom, divided by sqrt(2).

    Args:
        m: strategies, two or more.
        blocks: at least one.
        alpha: of the whole family of pairs.

    Raises:
        InputError: there are too few strategies or blocks.

    Source: Nemenyi (1963); Demšar (2006), table 5.

    >>> round(critical_difference(5, 30), 2)
    1.11
    """
    if m < 2 or blocks < 1:
        raise InputError(f"{m} strategies over {blocks} blocks; two and one are the least")
    return _range_quantile(m, alpha) * math.sqrt(m * (m + 1) / (12 * blocks))


def groups(mean_ranks: npt.ArrayLike, distance: float) -> list[tuple[int, ...]]:
    """Strategies that cannot be told apart: the widest sets whose ranks lie within ``distance``.

    Args:
        mean_ranks: ``[m]``.
        distance: the critical difference.

    Returns:
        Positions in ``mean_ranks``, best first; sets of one are left out.

    >>> groups([1.0, 3.0, 1.5, 2.2], 1.0)
    [(0, 2), (2, 3), (3, 1)]
    """
    ranks = np.asarray(mean_ranks, dtype=np.float64)
    order = np.argsort(ranks, kind="stable")
    last = np.searchsorted(ranks[order], ranks[order] + distance, side="right")
    starts = [0, *(at for (at, (before, here)) in enumerate(pairwise(last), 1) if here > before)]
    found = [order[start : last[start]] for start in starts if last[start] - start > 1]
    return [tuple(int(each) for each in group) for group in found]


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks within each row from 1, the highest first; equals share the mean of theirs."""
    above = (values[:, None, :] > values[:, :, None]).sum(2)
    equal = (values[:, None, :] == values[:, :, None]).sum(2)
    ranks: FloatArray = above + (equal + 1) / 2
    return ranks


def _friedman(ranks: FloatArray) -> float:
    from scipy.special import chdtrc

    n, m = ranks.shape
    middle = (m + 1) / 2
    spread = float(((ranks - middle) ** 2).sum())
    if n < 2 or m < 2:
        return float("nan")
    if spread == 0:
        return 1.0
    statistic = (m - 1) * float(((ranks.sum(0) - n * middle) ** 2).sum()) / spread
    return float(chdtrc(m - 1, statistic))


@cache
def _range_quantile(m: int, alpha: float) -> float:
    """The upper ``alpha`` quantile of the range of m standard normal values."""
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _range_chance(middle, m) < 1 - alpha else (low, middle)
    return high


def _range_chance(q: float, m: int) -> float:
    """P(range <= q) = m times the integral of phi(z) (Phi(z) - Phi(z - q))^(m - 1) over z."""
    from scipy.special import ndtr

    z, step = np.linspace(-9.0, 9.0, 2001, retstep=True)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return m * float(step * (density * (ndtr(z) - ndtr(z - q)) ** (m - 1)).sum())
