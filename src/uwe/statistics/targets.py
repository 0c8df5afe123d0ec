"""How many labels strategies need to reach a target, with an interval that covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.errors import InputError
from uwe.statistics.curves import labels_to_target, rising
from uwe.statistics.paired import student_quantile

__all__ = ["Reach", "measured_coverage", "reach"]


@dataclass(frozen=True)
class Reach:
    """Labels that a strategy needs to reach a target.

    Attributes:
        labels: on the mean curve; None where it does not reach the target.
        low: lower end of the interval; the first budget stands for "there or before"; infinity
            where even the last budget lies clearly below the target; NaN without an interval.
        high: upper end; infinity where the last budget may lie below the target.
        n: paired seeds.
    """

    labels: float | None
    low: float
    high: float
    n: int


def reach(
    labels: Sequence[int] | npt.NDArray[np.int64],
    accuracy: FloatArray,
    target: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> Reach:
    """Labels to a target, by a strategy's mean curve, with an interval from the seeds in pairs.

    Formula: the estimate is `labels_to_target` of the mean curve. The interval holds every L at
    which the Student interval of the paired differences a_s(L) - target_s contains 0; a_s(L) is
    read linearly in log L. Where the target of a seed is what random reached with that seed, random
    counts with its own scatter, in pairs. The interval is the hull of these L and of the estimate.

    A percentile bootstrap of the seeds covers too rarely for few seeds (`measured_coverage` says
    how often this one does); an inverted test needs no large sample.

    Args:
        labels: budgets, rising, ``[b]``.
        accuracy: ``[n, b]``, one run a row, without gaps.
        target: one number, or one for each run, ``[n]``; the target is their mean.
        level: of the interval.

    Raises:
        InputError: the shapes disagree, or a value is no number.

    Source: Fieller (1954), Some problems in interval estimation; here along a broken line.

    >>> runs = np.array([[50.0, 60.0], [52.0, 62.0], [51.0, 61.0], [49.0, 59.0]])
    >>> found = reach([100, 200], runs, 55.0)
    >>> [round(each) for each in (found.labels, found.low, found.high)]
    [137, 118, 158]
    """
    runs = np.asarray(accuracy, dtype=np.float64)
    if runs.ndim != 2 or not len(runs):
        raise InputError(f"accuracies are [runs, budgets], not of shape {runs.shape}")
    aims = np.broadcast_to(np.asarray(target, dtype=np.float64), len(runs))
    curve, aim = _means(runs, aims)
    estimate = labels_to_target(labels, curve, aim)
    if len(runs) < 2:
        return Reach(estimate, np.nan, np.nan, len(runs))
    low, high = (float(end) for end in _inverted(np.log(labels), runs - aims[:, None], level))
    if estimate is not None:
        low, high = min(low, estimate), max(high, estimate)
    return Reach(estimate, low, high, len(runs))


def measured_coverage(
    labels: Sequence[int] | npt.NDArray[np.int64],
    accuracy: FloatArray,
    target: npt.ArrayLike,
    *,
    n: int,
    level: float = 0.95,
    studies: int = 1000,
    seed: int = 1,
) -> float | None:
    """How often the interval of `reach` covers, in simulated studies of n seeds like this one.

    The truth of a simulated study is this study's mean curve, made non-decreasing, and its mean
    target; its runs scatter about it normally, with the covariance of this study's runs over
    budgets and target.

    Returns:
        The share of ``studies`` whose interval holds the true number of labels; None where the
        truth does not reach the target, or there are fewer than three runs.

    Raises:
        InputError: as `reach`.

    >>> runs = np.array([[50.0, 60.0], [52.0, 62.5], [51.0, 60.5], [49.0, 59.0]])
    >>> 0.9 < measured_coverage([100, 200], runs, 55.0, n=5) < 1
    True
    """
    runs = np.asarray(accuracy, dtype=np.float64)
    aims = np.broadcast_to(np.asarray(target, dtype=np.float64), len(runs))
    curve, aim = _means(runs, aims)
    truth = labels_to_target(labels, curve, aim)
    if truth is None or len(runs) < 3:
        return None
    x = np.log(labels)
    differences = runs - aims[:, None]
    centre = rising(curve) - aim
    scatter = np.linalg.qr(differences - differences.mean(0), mode="r")  # the same covariance
    draws = np.random.default_rng(seed).standard_normal((n, studies, len(scatter)))
    simulated = centre + draws @ scatter / np.sqrt(len(runs) - 1)  # [n, studies, b]
    low, high = _inverted(x, simulated, level)
    slack = 1e-9 * truth
    return float(np.mean((low <= truth + slack) & (truth - slack <= high)))


def _means(runs: FloatArray, aims: FloatArray) -> tuple[FloatArray, float]:
    """The mean curve and the mean target, added in the same order.

    Otherwise they may differ by a rounding where the target is what the runs end at, and the curve
    would not reach it.
    """
    means: FloatArray = np.column_stack([runs, aims]).mean(0)
    return means[:-1], float(means[-1])


def _inverted(
    x: FloatArray, differences: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Ends of the set of labels whose mean difference may be 0.

    Args:
        x: log labels ``[b]``.
        differences: from the target, ``[n, ..., b]``.
        level: of the Student intervals.

    Returns:
        The ends in labels, ``[...]``: the first budget where it is in the set; infinity where the
        last one is, or where nothing is and the curve ends below.
    """
    n = len(differences)
    mean = differences.mean(0)
    centred = differences - mean
    factor = float(student_quantile(level, n - 1)) ** 2 / (n * (n - 1))
    own = mean**2 - factor * (centred**2).sum(0)  # at most 0 where 0 is in the interval
    cross = mean[..., :-1] * mean[..., 1:] - factor * (centred[..., :-1] * centred[..., 1:]).sum(0)
    ends = _crossings(x, own, cross)
    inside = np.where(own <= 0, x, np.nan)
    places = np.concatenate([ends, inside], axis=-1)
    low = np.where(np.isnan(places), np.inf, places).min(-1)
    high = np.where(np.isnan(places), -np.inf, places).max(-1)
    above = (own[..., 0] > 0) & (mean[..., 0] > 0)  # reached before the first budget
    nothing = ~np.isfinite(low)
    low = np.where(nothing & above, x[0], low)
    high = np.where(nothing, np.where(above, x[0], np.inf), high)
    high = np.where(own[..., -1] <= 0, np.inf, high)
    return np.exp(low), np.exp(high)


def _crossings(x: FloatArray, own: FloatArray, cross: FloatArray) -> FloatArray:
    """Where the interval's end crosses 0 between two budgets, ``[..., 2 (b - 1)]``; else NaN.

    Between budgets the square of the mean less the square of the half width is
    own0 (1 - w)^2 + 2 cross w (1 - w) + own1 w^2, with w the share of the way.
    """
    first, last = own[..., :-1], own[..., 1:]
    square, linear = first - 2 * cross + last, 2 * (cross - first)
    root = np.sqrt(np.maximum(linear**2 - 4 * square * first, 0.0))
    real = linear**2 - 4 * square * first >= -1e-12 * np.maximum(linear**2, 1e-300)
    stable = -0.5 * (linear + np.where(linear < 0, -root, root))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack([stable / square, first / stable], axis=-1)
    fine = real[..., None] & np.isfinite(shares) & (shares >= 0) & (shares <= 1)
    at = x[:-1, None] + np.where(fine, shares, np.nan) * np.diff(x)[:, None]
    return at.reshape(*at.shape[:-2], -1)
