"""How picks are divided by shares, and how a part of a query reports its progress."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from uwe._types import IntArray, Progress, Stage

__all__ = ["balanced", "exact_share", "rounded", "shifted"]


def exact_share(share: float) -> Fraction:
    """The share as it is written: 0.07 of 100 rows are 7, not 7.000000000000001."""
    return Fraction(str(float(share)))


def rounded(shares: Sequence[Fraction], k: int) -> IntArray:
    """``k`` in proportion to shares, by largest remainder; of equal ones, the earlier.

    >>> rounded([Fraction(1, 2), Fraction(1, 2)], 3).tolist()
    [2, 1]
    """
    total = sum(shares, Fraction())
    exact = [share * k / total for share in shares]
    counts = np.array([math.floor(quota) for quota in exact], dtype=np.int64)
    falling = sorted(range(len(exact)), key=lambda at: (-(exact[at] % 1), at))
    counts[falling[: k - int(counts.sum())]] += 1
    return counts


def balanced(sizes: IntArray, k: int) -> IntArray:
    """``k`` over groups as evenly as their sizes allow; of equal groups, the earlier first.

    >>> balanced(np.array([1, 5, 5]), 6).tolist()
    [1, 3, 2]
    """

    def filled(level: int) -> int:
        return int(np.minimum(sizes, level).sum())

    level = bisect_right(range(k + 1), k, key=filled) - 1
    counts = np.minimum(sizes, level)
    counts[np.flatnonzero(sizes > level)[: k - filled(level)]] += 1
    return counts


def shifted(progress: Progress | None, done: int, total: int) -> Progress | None:
    """Tells what a part has picked as a share of the whole query."""
    if progress is None:
        return None
    return lambda stage: progress(Stage("", 0, "select", done + stage.done, total))
