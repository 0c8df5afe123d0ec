"""The radius of a coverage: how near a row must be to a labelled one to be covered by it.

Rows that are equal tell nothing about a length, so only distances to *different* rows count. Rows
are equal here where their distance is within rounding of their norms. A radius is rounded to six
digits, so that the one that is recorded is the one that was used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from uwe._types import BoolArray, FloatArray, Rows, is_integral, is_real
from uwe.errors import InputError, require_known
from uwe.strategies._sampling import few
from uwe.strategies._shares import exact_share

if TYPE_CHECKING:
    from uwe.points import Array, Points

__all__ = [
    "DEFAULT_RULE",
    "RADIUS_RULES",
    "Radius",
    "coverage_radius",
    "given_radius",
    "nearest_different",
    "purity_radius",
]

_SAMPLE = 1_000  # rows of the pool, where too few are labelled
_MOST = 4_096  # labelled rows that are compared with each other, at most
_PURE = 5_000  # rows whose clusters tell a radius, at most
_AT_ONCE = 512
_FEWEST = 2  # clusters
_NONE = np.zeros(0)
_EQUAL = 1e-12  # squared distance beside squared norms, below which rows are equal

_RULES: Mapping[str, Callable[[FloatArray], float]] = {
    "nearest-median": lambda distances: float(np.median(distances)),
    "nearest-min": lambda distances: float(distances.min()),
}
RADIUS_RULES = tuple(_RULES)
"""What becomes of the distances of rows to their nearest different row, by name."""
DEFAULT_RULE = "nearest-median"


@dataclass(frozen=True)
class Radius:
    """A length, and where it comes from.

    Attributes:
        value: above 0.
        rule: in words, such as ``nearest-median of 12 labelled rows``.
    """

    value: float
    rule: str

    @property
    def facts(self) -> dict[str, Any]:
        """As `Picks` carry it."""
        return {"radius": self.value, "radius_rule": self.rule}


def coverage_radius(
    points: Points | Array, labelled: Rows, *, seed: int, rule: str = DEFAULT_RULE
) -> Radius:
    """The radius that labelled rows suggest: how far they are from their nearest different one.

    Formula: ``median_i min_j {‖x_i - x_j‖ : x_j ≠ x_i}`` over labelled rows i and j
    (``nearest-median``), or the least of these distances (``nearest-min``). Where fewer than two
    labelled rows differ, i and j are 1,000 rows of the pool, drawn by the seed; where these do not
    differ either, it is the median distance of all rows from one of them; where all rows of the
    pool are equal, every radius gives the same picks, and it is 1. Of more than 4,096 labelled
    rows, 4,096 are taken, drawn by the seed.

    Args:
        points: all rows of the pool.
        labelled: rows that are labelled.
        seed: of the draws.
        rule: a name of `RADIUS_RULES`.

    Raises:
        InputError: the rule is unknown.

    Source: the least distance, Bae et al. (2025), Uncertainty herding, which is 0 where two
    labelled rows are equal; the median and the rows that differ are of this package.

    >>> x = np.array([[0.0], [0.0], [1.0], [4.0], [9.0]])
    >>> coverage_radius(x, np.array([0, 1, 2, 3]), seed=0)
    Radius(value=1.0, rule='nearest-median of 4 labelled rows')
    """
    from uwe.points import as_points

    of = _RULES[require_known(rule, _RULES, "rule for the radius")]
    points = as_points(points)
    for rows, named in _groups(points, labelled, seed):
        near = nearest_different(points, rows)
        near = near[np.isfinite(near)]
        if len(near):
            return Radius(_rounded(of(near)), f"{rule} of {len(rows):,} {named}")
    apart = _distances_from(points, 0)
    apart = apart[apart > 0]
    if len(apart):
        return Radius(_rounded(float(np.median(apart))), "median distance from row 0")
    return Radius(1.0, "any, since all rows are equal")


def given_radius(value: float) -> Radius:
    """A radius that the user gives.

    Raises:
        InputError: it is no number above 0.
    """
    if not is_real(value) or not 0 < value < np.inf:
        raise InputError(f"a radius must be a number above 0, not {value!r}")
    return Radius(float(value), "as given")


def purity_radius(
    points: Points | Array, clusters: int, *, seed: int, purity: float = 0.95
) -> Radius:
    """The largest radius at which that share of rows has only rows of their own cluster around.

    Formula: ``sup {r : |{i : c_j = c_i for all j with ‖x_i - x_j‖ ≤ r}| ≥ purity · m}`` with
    clusters c of k-means, rounded down to six digits; of more than 5,000 rows, 5,000 are taken,
    drawn by the seed.

    Args:
        points: all rows of the pool.
        clusters: how many; the number of classes.
        seed: of the draw and of k-means.
        purity: share of the rows, above 0 and at most 1.

    Raises:
        InputError: fewer than two clusters, a share out of range, or no scikit-learn.

    Source: Yehuda, Dekel, Hacohen, Weinshall (2022), Active learning through a covering lens.

    >>> purity_radius(np.array([[0.0], [1.0], [5.0], [6.0]]), 2, seed=0)
    Radius(value=3.99999, rule='purity 0.95 of 2 clusters')
    """
    from uwe.embedding import written_out
    from uwe.points import as_points
    from uwe.selection.clusters import clusters as clusters_of

    require_purity(clusters, purity)
    points = as_points(points)
    rows = few(np.arange(len(points)), _PURE, seed)
    near = points.take(rows)
    number = clusters_of(written_out(near), min(clusters, len(rows)), seed=seed)
    apart = _nearest(near, lambda span, _: number[span][:, None] != number)
    impure = math.floor((1 - exact_share(purity)) * len(rows))  # rows that need not be pure
    least = float(np.sort(apart)[impure])
    if not np.isfinite(least):
        return Radius(1.0, "any, since all rows are of one cluster")
    return Radius(_below(least), f"purity {purity:g} of {clusters} clusters")


def require_purity(clusters: int, purity: float) -> None:
    """Refuse what no radius of `purity_radius` comes from.

    Raises:
        InputError: fewer than two clusters, or a share out of range.
    """
    if not is_integral(clusters) or clusters < _FEWEST:
        raise InputError(f"a purity needs a whole number of at least 2 clusters, not {clusters!r}")
    if not 0 < purity <= 1:
        raise InputError(f"a purity is a share above 0 and at most 1, not {purity!r}")


def _groups(points: Points, labelled: Rows, seed: int) -> Iterator[tuple[Rows, str]]:
    """The rows whose distances tell a radius, and those in their place where they do not."""
    yield few(labelled, _MOST, seed), "labelled rows"
    yield few(np.arange(len(points)), _SAMPLE, seed), "rows of the pool"


def nearest_different(points: Points, rows: Rows) -> FloatArray:
    """The distance of each row to the nearest of ``rows`` that differs; infinite without one.

    >>> from uwe.points import as_points
    >>> nearest_different(as_points(np.array([[0.0], [0.0], [2.0]])), np.arange(3)).tolist()
    [2.0, 2.0, 2.0]
    """
    return _nearest(points.take(rows), lambda _, apart: apart > _EQUAL) if len(rows) else _NONE


def _nearest(near: Points, counts: Callable[[slice, FloatArray], BoolArray]) -> FloatArray:
    """The distance of each row to the nearest other that counts; infinite without one.

    Args:
        near: m rows.
        counts: of a span of rows, and their squared distances to all rows beside the squared
            norms ``[s, m]``, which pairs count.
    """
    from uwe.selection.proximity import all_pairs

    apart = np.full(len(near), np.inf)
    for span, table, norms in all_pairs(near):
        table[~counts(span, table / np.where(norms > 0, norms, 1.0))] = np.inf
        best = table.argmin(1)
        there = np.isfinite(table[np.arange(len(best)), best])
        exact = near.exact(span).sqdist(near.exact(best))
        apart[span] = np.where(there, np.sqrt(exact), np.inf)
    return apart


def _distances_from(points: Points, row: int) -> FloatArray:
    one = points.exact(np.array([row]))
    starts = range(0, len(points), _AT_ONCE)
    spans = [slice(start, min(start + _AT_ONCE, len(points))) for start in starts]
    apart: FloatArray = np.sqrt(np.concatenate([points.exact(at).sqdist(one) for at in spans]))
    return apart


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _below(value: float) -> float:
    """The next smaller number of six digits."""
    rounded = Decimal(f"{value:.6g}")
    unit = Decimal(1).scaleb(rounded.adjusted() - 5)
    return float(rounded - unit if float(rounded) >= value else rounded)
