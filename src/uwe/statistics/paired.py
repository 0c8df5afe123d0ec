"""Means over seeds and differences between strategies on the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.errors import InputError

__all__ = ["LEAST_PAIRS", "Interval", "holm", "mean_interval", "paired_p", "student_quantile"]


LEAST_PAIRS = 3
"""With fewer paired seeds nothing is tested."""


class Interval(NamedTuple):
    """A mean, the ends of its interval, the sample's deviation, and how many values there were.

    The ends are NaN for fewer than two values, the deviation likewise.
    """

    mean: float
    low: float
    high: float
    deviation: float
    n: int


def student_quantile(level: float, degrees: npt.ArrayLike) -> FloatArray:
    """The t beyond which 1 - ``level`` of Student's distribution lies, on both sides together.

    >>> round(float(student_quantile(0.95, 4)), 3)
    2.776
    """
    from scipy.special import stdtrit

    if not 0 < level < 1:
        raise InputError(f"the level of an interval is {level}; it must lie between 0 and 1")
    quantile: FloatArray = stdtrit(np.asarray(degrees, dtype=np.float64), (1 + level) / 2)
    return quantile


def mean_interval(values: Sequence[float] | FloatArray, *, level: float = 0.95) -> Interval:
    """Mean and Student interval of values; NaN among them is left out.

    Formula: mean ± t(level, n - 1) s / sqrt(n), s the sample's deviation (divided by n - 1).

    Args:
        values: ``[n]``, one for each seed; for a paired difference, the differences.
        level: of the interval, 0.95 for 95 %.

    Raises:
        InputError: the level is not between 0 and 1.

    Source: Student (1908), The probable error of a mean.

    >>> [round(float(end), 3) for end in mean_interval([1.0, 2.0, 3.0])[:4]]
    [2.0, -0.484, 4.484, 1.0]
    """
    given = np.asarray(values, dtype=np.float64)
    given = given[~np.isnan(given)]
    n = len(given)
    mean = float(given.mean()) if n else np.nan
    if n < 2:
        student_quantile(level, 1)  # a wrong level is wrong for any n
        return Interval(mean, np.nan, np.nan, np.nan, n)
    deviation = float(given.std(ddof=1))
    half = float(student_quantile(level, n - 1)) * deviation / np.sqrt(n)
    return Interval(mean, mean - half, mean + half, deviation, n)


def paired_p(differences: npt.ArrayLike) -> FloatArray:
    """Two-sided p-values of paired t-tests: how surprising differences are if their mean is 0.

    Formula: t = mean / (s / sqrt(n)), p = 2 P(T > |t|) with n - 1 degrees of freedom. Differences
    that are all equal have p = 1 if they are 0, else p = 0.

    Args:
        differences: ``[n, ...]``, one row for each seed; NaN where a seed has no pair.

    Returns:
        float64 ``[...]``; NaN where fewer than three seeds have a pair.

    Source: as ``scipy.stats.ttest_rel``, but with many columns at once and gaps.

    >>> round(float(paired_p([1.0, 2.0, 3.0])), 4)
    0.0742
    """
    from scipy.special import stdtr

    given = np.asarray(differences, dtype=np.float64)
    there = ~np.isnan(given)
    n = there.sum(0)
    mean = np.where(there, given, 0.0).sum(0) / np.maximum(n, 1)
    squares = (np.where(there, given - mean, 0.0) ** 2).sum(0)
    error = np.sqrt(squares / np.maximum(n - 1, 1) / np.maximum(n, 1))
    same = error <= 1e-12 * np.maximum(np.abs(mean), 1e-300)  # equal but for rounding
    t = np.abs(mean) / np.where(same, 1.0, error)
    p = 2 * stdtr(np.maximum(n - 1, 1), -t)
    p = np.where(same, np.where(mean == 0, 1.0, 0.0), p)
    result: FloatArray = np.where(n < LEAST_PAIRS, np.nan, p)
    return result


def holm(p: npt.ArrayLike) -> FloatArray:
    """Holm's adjusted p-values: compared with 5 %, at most 5 % of studies raise a false alarm.

    Formula: with p sorted, the i-th smallest of m (i from 0) becomes the largest of
    (m - j) p[j] over j up to i, at most 1.

    Args:
        p: of any shape; NaN (not tested) is left out of the count and stays NaN.

    Returns:
        float64, the same shape.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure.

    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p, dtype=np.float64)
    flat = given.ravel()
    tested = np.flatnonzero(~np.isnan(flat))
    order = tested[np.argsort(flat[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted = np.full(flat.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * flat[order]), 1.0)
    return adjusted.reshape(given.shape)
