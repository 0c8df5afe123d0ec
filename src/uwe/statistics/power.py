"""What a number of seeds can and cannot show."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np

from uwe._types import FloatArray
from uwe.errors import InputError
from uwe.statistics.paired import student_quantile

__all__ = ["MOST_SEEDS", "detectable_difference", "power", "seeds_needed"]


MOST_SEEDS = 1_000_000
"""More seeds than this are not counted."""

_LAST = 2 ** (MOST_SEEDS.bit_length() - 1)
"""The largest power of two among them, where the search ends."""


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
    return _detectable_shift(n, alpha, wanted) * deviation / math.sqrt(n)


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

    power(difference, deviation, 2, alpha=alpha)

    def enough(n: int) -> bool:
        return power(difference, deviation, n, alpha=alpha) >= wanted

    return _smallest(enough, _normal_seeds(deviation / difference, alpha, wanted))


def _normal_seeds(ratio: float, alpha: float, wanted: float) -> int:
    """About how many seeds are needed: by normal tails, and what Student's cost beyond them."""
    from scipy.special import ndtri

    critical = float(ndtri(1 - alpha / 2))
    about = ((critical + float(ndtri(wanted))) * ratio) ** 2 + critical**2 / 2
    return int(min(max(about, 2.0), _LAST)) if about == about else _LAST


def _smallest(enough: Callable[[int], bool], near: int) -> int | None:
    """The smallest number from 2 on that is ``enough``, sought from ``near`` outwards.

    Every larger number is enough, too; None where `_LAST` is not.
    """
    step = 1
    if enough(near):
        high, low = near, near - step
        while low >= 2 and enough(low):
            high, step = low, 2 * step
            low -= step
        low = max(low, 1)
    else:
        low = near
        while True:
            if low == _LAST:
                return None
            high = min(low + step, _LAST)
            if enough(high):
                break
            low, step = high, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@lru_cache(maxsize=1024)
def _detectable_shift(n: int, alpha: float, wanted: float) -> float:
    """The noncentrality that n seeds find with the ``wanted`` power."""
    low, high = 0.0, 1.0
    while _power(high, n, alpha) < wanted:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if _power(middle, n, alpha) >= wanted else (middle, high)
    return high


def _power(shift: float, n: int, alpha: float) -> float:
    """Noncentral Student's two tails: normal tails averaged over the sample's deviation.

    Given s / sigma = r, the test finds the difference where |Z + shift| > critical r; Gauss's
    quadrature over the chance of r keeps its digits where series for the noncentral t lose them.
    """
    from scipy.special import ndtr

    critical = _critical(n, alpha)
    ratio, weights = _ratios(n)
    tails = ndtr(shift - critical * ratio) + ndtr(-shift - critical * ratio)
    return float(weights @ tails)


@lru_cache(maxsize=4096)
def _critical(n: int, alpha: float) -> float:
    return float(student_quantile(1 - alpha, n - 1))


@lru_cache(maxsize=4096)
def _ratios(n: int) -> tuple[FloatArray, FloatArray]:
    """Quantiles of s / sigma for n values at the nodes of a quadrature, and its weights."""
    from scipy.special import gammaincinv

    nodes, weights = _quadrature()
    ratio = np.sqrt(gammaincinv((n - 1) / 2, (nodes + 1) / 2) * 2 / (n - 1))
    return ratio, weights


@cache
def _quadrature() -> tuple[FloatArray, FloatArray]:
    """Nodes in -1..1 and weights that add to 1; finding them takes longer than using them."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return nodes, weights / 2
