"""What a study shows: every figure of the report, computed once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.report.evidence import Evidence
from uwe.statistics import (
    Interval,
    Penalty,
    Ranks,
    Reach,
    critical_difference,
    detectable_difference,
    groups,
    holm,
    mean_interval,
    measured_coverage,
    paired_p,
    penalty_matrix,
    rank_blocks,
    reach,
    seeds_needed,
)
from uwe.statistics.paired import LEAST_PAIRS

__all__ = [
    "ALPHA",
    "COVERAGE_AT",
    "POINTS",
    "WANTED_POWER",
    "Comparison",
    "Pair",
    "Ranking",
    "Target",
    "compare",
    "differences_of",
    "rank",
]


ALPHA = 0.05
WANTED_POWER = 0.8
POINTS = (1.0, 0.5, 0.2)
"""Differences in points of percent for which the seeds are counted."""

_SMALL = 0.05
COVERAGE_AT = (5, 10, 20)


@dataclass(frozen=True)
class Pair:
    """Two strategies on the same seeds: the difference of their areas, first less second.

    Attributes:
        first: place of a strategy.
        second: place of the other.
        difference: in the unit of the areas (points of percent for a share), with its Student
            interval.
        p: of the paired t-test; NaN below three seeds.
        corrected: the same by Holm over all pairs of the study.
        detectable: the difference that this many seeds find with 80 % power; None if unknown.
        detectable_first: the same under Holm's first step.
        seeds: how many seeds each of `Comparison.differences` needs; None beyond a million.
    """

    first: int
    second: int
    difference: Interval
    p: float
    corrected: float
    detectable: float | None
    detectable_first: float | None
    seeds: tuple[int | None, ...]

    @property
    def differs(self) -> bool:
        """Whether Holm's test finds a difference."""
        return self.corrected < ALPHA


@dataclass(frozen=True)
class Target:
    """Labels that a strategy needs to reach the target.

    Attributes:
        found: with the interval.
        saving: labels fewer than random; None where one of them does not reach it.
        share: the same in percent of random's.
        coverage: measured coverage of the interval at 5, 10 and 20 seeds.
    """

    found: Reach
    saving: float | None
    share: float | None
    coverage: tuple[float | None, ...]


@dataclass(frozen=True)
class Ranking:
    """Mean ranks over blocks, the critical difference, and groups within it."""

    ranks: Ranks
    distance: float
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Comparison:
    """Everything that is computed from one study.

    Attributes:
        evidence: the runs.
        level: of the intervals.
        curves: mean and interval of each strategy at each budget.
        areas: mean and interval of each strategy's area.
        differences: for which the seeds are counted, in the unit of the areas.
        pairs: every two strategies.
        penalty: the pairwise penalty matrix.
        ranking: over the seeds of this study.
        target: the value that `targets` are about; None without random and without a target.
        target_is_given: whether the user chose it.
        targets: for each strategy; empty without a target.
    """

    evidence: Evidence
    level: float
    curves: tuple[tuple[Interval, ...], ...]
    areas: tuple[Interval, ...]
    differences: tuple[float, ...]
    pairs: tuple[Pair, ...]
    penalty: Penalty
    ranking: Ranking
    target: float | None
    target_is_given: bool
    targets: tuple[Target, ...]

    @cached_property
    def tests(self) -> int:
        """How many pairs were tested."""
        return sum(math.isfinite(pair.p) for pair in self.pairs)

    @cached_property
    def order(self) -> list[int]:
        """Places of the strategies, the best mean area first; those without one last."""
        sign = self.evidence.metric.sign
        return sorted(
            range(len(self.areas)),
            key=lambda at: (math.isnan(self.areas[at].mean), -sign * _or_0(self.areas[at].mean)),
        )

    def gain(self, pair: Pair) -> float:
        """By how much the first of a pair is better than the second; below 0 where it is worse."""
        return self.evidence.metric.sign * pair.difference.mean

    def pair(self, first: int, second: int) -> Pair:
        """The pair of two places, turned so that ``first`` is first."""
        if (found := self._by_places.get((first, second))) is not None:
            return found
        return _turned(self._by_places[second, first])

    @cached_property
    def _by_places(self) -> dict[tuple[int, int], Pair]:
        return {(pair.first, pair.second): pair for pair in self.pairs}


def compare(evidence: Evidence, *, level: float = 0.95, target: float | None = None) -> Comparison:
    """Compute everything that a report says of a study.

    Args:
        evidence: the study.
        level: of the intervals.
        target: value of the metric, a share in percent; None: what random reaches at its last
            budget.

    Raises:
        InputError: the level does not lie between 0 and 1.
    """
    runs, sign = evidence.values, evidence.metric.sign
    aim, aims = _aims(evidence, target)
    differences = differences_of(evidence)
    return Comparison(
        evidence,
        level,
        tuple(tuple(mean_interval(column, level=level) for column in each.T) for each in runs),
        tuple(mean_interval(row, level=level) for row in evidence.areas),
        differences,
        _pairs(evidence.areas, level, differences),
        penalty_matrix(sign * runs, alpha=ALPHA),
        rank(sign * evidence.areas.T),
        aim,
        target is not None,
        () if aim is None else _targets(evidence, aims, level),
    )


def differences_of(evidence: Evidence) -> tuple[float, ...]:
    """Small differences of areas: `POINTS` of percent, or the like at a power of ten.

    The power of ten is the largest that is at most a twentieth of the mean area.
    """
    if evidence.unit.is_percent:
        return POINTS
    sizes = np.abs(evidence.areas[np.isfinite(evidence.areas)])
    size = _SMALL * float(sizes.mean()) if sizes.size else 0.0
    step = 10.0 ** math.floor(math.log10(size)) if size > 0 else 1.0
    return tuple(float(f"{each * step:.3g}") for each in POINTS)


def rank(blocks: FloatArray) -> Ranking:
    """Mean ranks of strategies over blocks ``[n, m]``, more is better; and groups of equals."""
    ranks = rank_blocks(blocks)
    if ranks.blocks < LEAST_PAIRS or len(ranks.mean) < 2:
        return Ranking(ranks, math.nan, ())
    distance = critical_difference(len(ranks.mean), ranks.blocks, alpha=ALPHA)
    return Ranking(ranks, distance, tuple(groups(ranks.mean, distance)))


def _pairs(areas: FloatArray, level: float, sought: tuple[float, ...]) -> tuple[Pair, ...]:
    places = list(combinations(range(len(areas)), 2))
    differences = [areas[first] - areas[second] for first, second in places]
    p = paired_p(np.stack(differences, axis=1)) if places else np.zeros(0)
    corrected = holm(p)
    tests = max(int(np.isfinite(p).sum()), 1)
    return tuple(
        _pair(
            place,
            mean_interval(difference, level=level),
            (float(p[at]), float(corrected[at])),
            tests=tests,
            sought=sought,
        )
        for at, (place, difference) in enumerate(zip(places, differences, strict=True))
    )


def _pair(
    places: tuple[int, int],
    difference: Interval,
    chances: tuple[float, float],
    *,
    tests: int,
    sought: tuple[float, ...],
) -> Pair:
    """A pair; ``chances`` are p and Holm's p, ``sought`` the differences to count seeds for."""
    if difference.n < LEAST_PAIRS or not difference.deviation > 0:
        return Pair(*places, difference, *chances, None, None, (None,) * len(sought))
    deviation, n = difference.deviation, difference.n
    return Pair(
        *places,
        difference,
        *chances,
        detectable_difference(deviation, n, alpha=ALPHA, wanted=WANTED_POWER),
        detectable_difference(deviation, n, alpha=ALPHA / tests, wanted=WANTED_POWER),
        tuple(seeds_needed(each, deviation, alpha=ALPHA, wanted=WANTED_POWER) for each in sought),
    )


def _turned(pair: Pair) -> Pair:
    mean, low, high, deviation, n = pair.difference
    return Pair(
        pair.second,
        pair.first,
        Interval(-mean, -high, -low, deviation, n),
        pair.p,
        pair.corrected,
        pair.detectable,
        pair.detectable_first,
        pair.seeds,
    )


def _aims(evidence: Evidence, target: float | None) -> tuple[float | None, FloatArray]:
    """The target, and what it is for each seed: random's own last value, unless it is given."""
    n = len(evidence.seeds)
    if target is not None:
        return target, np.full(n, target)
    if evidence.baseline is None:
        return None, np.full(n, np.nan)
    last = evidence.values[evidence.baseline, :, -1]
    if np.isnan(last).all():
        return None, last
    return float(np.nanmean(last)), last


def _targets(evidence: Evidence, aims: FloatArray, level: float) -> tuple[Target, ...]:
    """Labels to target of each strategy, and what it saves against random on the same seeds."""
    base, sign = evidence.baseline, evidence.metric.sign
    more = sign * evidence.values  # so that a target is reached from below
    random = None if base is None else more[base]
    return tuple(_target(evidence.labels, runs, random, sign * aims, level) for runs in more)


def _target(
    labels: npt.NDArray[np.int64],
    runs: FloatArray,
    random: FloatArray | None,
    aims: FloatArray,
    level: float,
) -> Target:
    whole = np.isfinite(runs).all(1) & np.isfinite(aims)
    if not whole.any():
        return Target(Reach(None, math.nan, math.nan, 0), None, None, ())
    own, aim = runs[whole], aims[whole]
    found = reach(labels, own, aim, level=level)
    if np.array_equal(own[:, -1], aim):  # where it ends is what the target is: no uncertainty
        return Target(Reach(found.labels, math.nan, math.nan, found.n), 0.0, 0.0, ())
    coverage = tuple(measured_coverage(labels, own, aim, n=n, level=level) for n in COVERAGE_AT)
    saving, share = _saving(found, labels, random, aims)
    return Target(found, saving, share, coverage)


def _saving(
    found: Reach, labels: npt.NDArray[np.int64], random: FloatArray | None, aims: FloatArray
) -> tuple[float | None, float | None]:
    if random is None or found.labels is None:
        return None, None
    whole = np.isfinite(random).all(1) & np.isfinite(aims)
    theirs = reach(labels, random[whole], aims[whole]).labels if whole.any() else None
    if theirs is None:
        return None, None
    return theirs - found.labels, 100 * (theirs - found.labels) / theirs


def _or_0(value: float) -> float:
    return 0.0 if math.isnan(value) else value
