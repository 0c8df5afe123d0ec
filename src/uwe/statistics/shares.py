"""Intervals of a share that was counted on a random sample."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from uwe._types import BoolArray, FloatArray
from uwe.errors import InputError

__all__ = ["Range", "audited_share", "share_range", "slope_of"]

_STEEPEST = 2.0  # of being right over a probability
_UNSURE = 0.5  # part of a correction that counts as its deviation


class Range(NamedTuple):
    """An estimate with the ends of its interval."""

    mean: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """From one end to the other."""
        return self.high - self.low


def share_range(share: float, n: int, *, level: float = 0.95, spread: float = 0.0) -> Range:
    """A share of ``n`` rows with Wilson's interval.

    Formula: centre (p + z²/2m) / (1 + z²/m), half width
    z sqrt(p (1 - p) / m + z²/4m²) / (1 + z²/m). m is n without a spread; with a spread s it is as
    many rows as have the variance p (1 - p) / n + s².

    Args:
        share: p, from 0 to 1; it is the mean of the result.
        n: rows of the sample.
        level: of the interval, 0.95 for 95 %.
        spread: deviation of the share that is due to anything but the sample, such as the rows
            that a model was trained on.

    Raises:
        InputError: the share is none, or there are no rows.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.

    >>> [round(end, 3) for end in share_range(0.8, 50)]
    [0.8, 0.67, 0.888]
    """
    from scipy.special import ndtri

    if not 0 <= share <= 1 or n < 1:
        raise InputError(f"a share of rows needs rows and is from 0 to 1, not {share} of {n} rows")
    z2 = float(ndtri((1 + level) / 2)) ** 2
    smoothed = (share * n + z2 / 2) / (n + z2)  # never 0 or 1
    m = 1 / (1 / n + spread**2 / (smoothed * (1 - smoothed)))
    centre = (share + z2 / (2 * m)) / (1 + z2 / m)
    half = np.sqrt(z2 * share * (1 - share) / m + z2**2 / (4 * m**2)) / (1 + z2 / m)
    low = 0.0 if share == 0 else max(0.0, float(centre - half))  # which rounding leaves above 0
    high = 1.0 if share == 1 else min(1.0, float(centre + half))
    return Range(share, low, high)


def audited_share(
    right: BoolArray, sure: FloatArray | None = None, pool_sure: float = np.nan
) -> Range:
    """The share of rows that a model gets right, from a random sample, corrected by probabilities.

    Formula: p = mean(r) + d, d = β (S - mean(s)), β the least-squares slope of r over s, from 0 to
    2; with Wilson's interval of m rows, and a spread of d / 2 for the correction's own error.

    Args:
        right: r, whether each row of the sample was right, ``[m]``.
        sure: s, the probability of the class that was predicted for it, ``[m]``.
        pool_sure: S, the mean of that probability over the population.

    Source: the regression estimator of survey sampling, Cochran (1977), Sampling Techniques, ch. 7.

    >>> right, sure = np.array([True, True, False, True]), np.array([0.9, 0.8, 0.5, 0.8])
    >>> round(audited_share(right).mean, 3), round(audited_share(right, sure, 0.76).mean, 3)
    (0.75, 0.77)
    """
    mean, m = float(right.mean()), len(right)
    if sure is None or not np.isfinite(pool_sure):
        return share_range(mean, m)
    correction = slope_of(right, sure) * float(pool_sure - sure.mean())
    share = float(np.clip(mean + correction, 0, 1))
    return share_range(share, m, spread=_UNSURE * abs(correction))


def slope_of(right: BoolArray, sure: FloatArray) -> float:
    """How much more often rows are right for each unit of probability, from 0 to 2."""
    variance = float(sure.var())
    if variance <= 1e-12:
        return 0.0
    slope = float(((right - right.mean()) * (sure - sure.mean())).mean()) / variance
    return float(np.clip(slope, 0.0, _STEEPEST))
