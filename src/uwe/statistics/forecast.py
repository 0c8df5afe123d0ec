"""Forecasts from a learning curve whose points were judged on the same rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from uwe._types import BoolArray, FloatArray
from uwe.errors import InputError
from uwe.statistics.shares import Range

__all__ = ["curve_weights", "gain_range", "later_share", "training_spread"]

_EXPONENTS = (0.1, 0.3, 0.5, 0.7, 1.0)
"""Of the power laws; the data seldom tell which one holds, so all count alike."""

_DRAWN = 0.5
"""Part of the variance of a share of n rows by which models of n random labels differ."""

_CONTINUED = 0.25
"""The same for a model that is trained again with further labels."""

_Z = 1.959963984540054


def curve_weights(labels: npt.ArrayLike, at: float, exponent: float) -> FloatArray:
    """The weights with which the points of a learning curve give its value elsewhere.

    Formula: the value at n of a - b n^-c, fitted by least squares with weights in proportion to the
    labels, is linear in the points' values.

    Args:
        labels: of the points, rising, ``[j]``.
        at: number of labels n.
        exponent: c.

    Raises:
        InputError: there are fewer than two points.

    >>> weights = curve_weights([100, 400], 1600, 0.5)
    >>> round(float(weights @ [0.6, 0.7]), 3)  # each step halves what is left of the last
    0.75
    """
    n = np.asarray(labels, dtype=np.float64)
    if len(n) < 2:
        raise InputError(f"a learning curve needs two points or more, not {len(n)}")
    weights = n / n.sum()
    z = n**-exponent
    middle = float(weights @ z)
    slope: FloatArray = weights * (z - middle) / float(weights @ (z - middle) ** 2)
    found: FloatArray = weights + slope * (at**-exponent - middle)
    return found


def gain_range(labels: npt.ArrayLike, right: BoolArray, more: int) -> Range:
    """A forecast of what the share of right rows gains with ``more`` further labels.

    Formula: the mean of the gains of five power laws; its variance is the mean of their variances
    over the rows, the variance between them, and that of two trainings, p (1 - p) / 4n.

    Args:
        labels: of the points of the curve, rising, ``[j]``; the last are those of now.
        right: whether each row was right at each point, ``[j, m]``.
        more: further labels.

    Returns:
        The gain, at least 0, and a 95 % interval, which may begin below 0.

    >>> right = np.arange(100) < np.array([[50], [60], [67]])
    >>> [round(end, 3) for end in gain_range([100, 200, 400], right, 200)]
    [0.031, -0.001, 0.064]
    """
    n = np.asarray(labels, dtype=np.float64)
    noise = training_spread(float(right[-1].mean()), n[-1], _CONTINUED)
    return _forecast(n, right, {n[-1] + more: 1.0, n[-1]: -1.0}, noise)


def later_share(labels: npt.ArrayLike, right: BoolArray, at: int) -> Range:
    """A forecast of the share of right rows with ``at`` labels, as `gain_range`.

    Args:
        labels: of the points of the curve, rising, ``[j]``.
        right: whether each row was right at each point, ``[j, m]``.
        at: labels, more than those of the last point.

    Returns:
        The share, from 0 to 1, and a 95 % interval, which may reach beyond.
    """
    n = np.asarray(labels, dtype=np.float64)
    noise = training_spread(float(right[-1].mean()), n[-1])
    found = _forecast(n, right, {float(at): 1.0}, noise)
    return found._replace(mean=min(found.mean, 1.0))


def training_spread(share: float, labels: float, part: float = _DRAWN) -> float:
    """The deviation of a model's share of right rows that is due to which labels it was given.

    Formula: sqrt(f q (1 - q) / n) with q = (n p + 2) / (n + 4), which is never 0 or 1.

    Args:
        share: p, of right rows.
        labels: n.
        part: f, by default what was found on models of random labels.

    >>> round(training_spread(0.6, 50), 3)
    0.049
    """
    smoothed = (labels * share + 2) / (labels + 4)
    return float(np.sqrt(part * smoothed * (1 - smoothed) / labels))


def _forecast(n: FloatArray, right: BoolArray, parts: Mapping[float, float], noise: float) -> Range:
    """A sum of values of the curve: labels and factors in ``parts``."""
    values = np.array(
        [
            sum(factor * curve_weights(n, at, exponent) for at, factor in parts.items()) @ right
            for exponent in _EXPONENTS
        ]
    )  # [c, m]
    means = values.mean(1)
    rows = values.var(1, ddof=1).mean() / values.shape[1]
    half = _Z * float(np.sqrt(rows + means.var() + noise**2))
    mean = max(float(means.mean()), 0.0)
    return Range(mean, mean - half, mean + half)
