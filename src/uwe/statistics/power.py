"""What a number of seeds can and cannot show."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from uwe._types import FloatArray
from uwe.errors import InputError
from uwe.statistics.paired import student_quantile

__all__ = ["MOST_SEEDS", "detectable_difference", "power", "seeds_needed"]


MOST_SEEDS = 1_000_000
"""More seeds than this are not counted."""


def power(difference: float, deviation: float, n: int, *, alpha: float = 0.05) -> float:
    """The chance that a two-sided paired t-test over n seeds finds a true ``difference``.

    Formula: P(|T| > t(1 - alpha, n - 1)), T noncentral Student with n - 1 degrees of freedom and
    noncentrality difference / (deviation / sqrt(n)).

    Args:
        difference: the true mean difference, in the unit of ``deviation``.
        deviation: of the paired differences between seeds, above 0.
        n: seeds, two or more.
        alpha: of the test.

    Raises:
        InputError: a number is outside these.

    Source: Cohen (1988), Statistical power analysis for the behavioral sciences.

    >>> round(power(1.0, 1.0, 10), 3)
    0.803
    """
    if n < 2 or not deviation > 0:
        raise InputError(f"power needs two seeds and a deviation above 0, not {n} and {deviation}")
    shift = abs(difference) / deviation * math.sqrt(n)
    return _power(shift, n, alpha)


def detectable_difference(
    deviation: float, n: int, *, alpha: float = 0.05, wanted: float = 0.8
) -> float:
    """The smallest true difference that n seeds find with the ``wanted`` power.

    Args:
        deviation: of the paired differences between seeds, above 0.
        n: seeds, two or more.
        alpha: of the test.
        wanted: power, above ``alpha`` and below 1.

    Raises:
        InputError: a number is outside these.

    >>> round(detectable_difference(1.0, 10), 3)
    0.996
    """
    if not alpha < wanted < 1:
        raise InputError(f"the power must lie between {alpha} and 1, not {wanted}")
    power(0.0, deviation, n, alpha=alpha)
    low, high = 0.0, 1.0
    while _power(high, n, alpha) < wanted:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if _power(middle, n, alpha) >= wanted else (middle, high)
    return high * deviation / math.sqrt(n)


def seeds_needed(
    difference: float, deviation: float, *, alpha: float = 0.05, wanted: float = 0.8
) -> int | None:
    """The fewest seeds that find a true ``difference`` with the ``wanted`` power.

    Returns:
        At least 2; None beyond a million.

    Raises:
        InputError: the difference or the deviation is not above 0.

    >>> seeds_needed(1.0, 1.0)
    10
    """
    if not difference > 0:
        raise InputError(f"the difference is {difference}; it must be above 0")

    def enough(n: int) -> bool:
        return power(difference, deviation, n, alpha=alpha) >= wanted

    high = 2
    while not enough(high):
        high *= 2
        if high > MOST_SEEDS:
            return None
    low = max(high // 2, 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high


def _power(shift: float, n: int, alpha: float) -> float:
    """Noncentral Student's two tails: normal tails averaged over the sample's deviation.

    Given s / sigma = r, the test finds the difference where |Z + shift| > critical r; Gauss's
    quadrature over the chance of r keeps its digits where series for the noncentral t lose them.
    """
    from scipy.special import ndtr

    critical = float(student_quantile(1 - alpha, n - 1))
    ratio, weights = _ratios(n)
    tails = ndtr(shift - critical * ratio) + ndtr(-shift - critical * ratio)
    return float(weights @ tails)


@lru_cache(maxsize=256)
def _ratios(n: int) -> tuple[FloatArray, FloatArray]:
    """Quantiles of s / sigma for n values at the nodes of a quadrature, and its weights."""
    from scipy.special import gammaincinv

    nodes, weights = np.polynomial.legendre.leggauss(200)
    ratio = np.sqrt(gammaincinv((n - 1) / 2, (nodes + 1) / 2) * 2 / (n - 1))
    return ratio, weights / 2
