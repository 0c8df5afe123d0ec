"""Whether features know the classes, judged from the labelled rows alone.

Where features know the classes, a labelled row's nearest labelled neighbour often has its label.
`Agreement` counts how often, and compares the count with chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uwe._types import Rows
from uwe.strategies._question import Question
from uwe.strategies._sampling import few

if TYPE_CHECKING:
    from uwe.points import Points

__all__ = ["Agreement", "agreement_of", "labels_of", "nearest_others"]

_MOST = 4_096  # labelled rows that are compared with each other, at most
_AT_ONCE = 256


@dataclass(frozen=True)
class Agreement:
    """How many labelled rows have the label of their nearest labelled neighbour.

    Attributes:
        agreeing: rows that have it.
        judged: rows that were looked at.
        chance: the share that would agree if the neighbour were any other of these rows.
    """

    agreeing: int
    judged: int
    chance: float

    @property
    def share(self) -> float:
        """The share of rows that agree; 0 where none was looked at."""
        return self.agreeing / self.judged if self.judged else 0.0

    def below(self, odds: float) -> float:
        """How probable so few agreeing rows are if neighbours multiply the odds of chance.

        Formula: ``P(B <= agreeing)`` of a binomial B of ``judged`` rows, each agreeing with
        probability ``q = odds · c / (1 - c + odds · c)``, c being chance.

        Args:
            odds: what the odds of agreeing by chance, ``c / (1 - c)``, are multiplied by.

        >>> round(Agreement(1, 4, chance=0.5).below(3.0), 4)
        0.0508
        """
        if not self.judged or self.chance >= 1:
            return 1.0
        q = odds * self.chance / (1 - self.chance + odds * self.chance)
        return _at_most(self.agreeing, self.judged, q)


def agreement_of(question: Question, points: Points | None = None) -> Agreement:
    """How far the labelled rows agree with their nearest labelled neighbours.

    Formula: ``agreeing = #{i : y_i = y_{n(i)}}`` with n(i) the labelled row nearest to i and not i;
    of equally near rows, the lower. ``chance = Σ_c l_c (l_c - 1) / (l (l - 1))`` of l labelled
    rows, l_c of them of class c. Of more than 4,096 labelled rows, 4,096 are taken, drawn by the
    seed. Rows whose label is not known are left out.

    Args:
        question: with the labels of the labelled rows.
        points: all rows of the pool, in which neighbours are near; None: its features, of unit
            length.
    """
    rows, labels = labels_of(question)
    kept = few(np.arange(len(rows)), _MOST, question.seed, "agreement")
    rows, labels = rows[kept], [labels[at] for at in kept.tolist()]
    if len(rows) < 2:
        return Agreement(0, len(rows), 0.0)
    near = _of_unit_length(question, rows) if points is None else points.take(rows)
    classes = np.unique(np.array([str(label) for label in labels]), return_inverse=True)[1]
    counts = np.bincount(classes)
    many = len(rows)
    return Agreement(
        agreeing=int((classes[nearest_others(near)] == classes).sum()),
        judged=many,
        chance=float((counts * (counts - 1)).sum() / (many * (many - 1))),
    )


def labels_of(question: Question) -> tuple[Rows, list[object]]:
    """The labelled rows whose label is known, rising, and their labels."""
    if not question.has_labels:
        return np.zeros(0, dtype=np.int64), []
    rows, values = question.pool.labelled, question.pool.values
    known = [at for at, value in enumerate(values) if value is not None]
    return rows[known], [values[at] for at in known]


def nearest_others(points: Points) -> Rows:
    """The row that is nearest to each row and is not that row itself; of equals, the lower.

    Products of rows propose, and distances in float64 decide between what rounding cannot tell
    apart; never more than a block of rows meets all rows at once.

    Args:
        points: two rows or more.

    >>> from uwe.points import as_points
    >>> nearest_others(as_points(np.array([[0.0], [1.0], [2.0], [2.0]]))).tolist()
    [1, 0, 3, 2]
    """
    import torch

    from uwe.selection.proximity import all_pairs

    one = points.tile(slice(0, 1), points.frame(), torch.float64)
    found = np.empty(len(points), dtype=np.int64)
    for span, apart, norms in all_pairs(points):
        rows = np.arange(span.start, span.stop)
        apart[np.arange(len(rows)), rows] = np.inf
        slack = 4 * one.gamma * norms + 4 * one.tiny
        best = (apart + slack).min(1, keepdims=True)
        at, other = np.nonzero(apart - slack <= best)
        found[rows] = _exact_nearest(points, rows, at, other)
    return found


def _exact_nearest(points: Points, rows: Rows, at: Rows, other: Rows) -> Rows:
    """Of each row's proposed neighbours, sorted by row, the nearest in float64."""
    apart = np.concatenate(
        [
            points.exact(rows[at[span]]).sqdist(points.exact(other[span]))
            for span in (slice(start, start + _AT_ONCE) for start in range(0, len(at), _AT_ONCE))
        ]
    )
    order = np.lexsort((other, apart, at))
    first = order[np.searchsorted(at[order], np.arange(len(rows)))]
    nearest: Rows = other[first]
    return nearest


def _of_unit_length(question: Question, rows: Rows) -> Points:
    from uwe.embedding import normalised
    from uwe.points import as_points

    return as_points(normalised("unit")(question.predictions.take(rows), np.arange(len(rows))))


def _at_most(count: int, n: int, q: float) -> float:
    """P(B <= count) of a binomial B of n draws that succeed with probability q."""
    if q <= 0:
        return 1.0
    terms = [
        math.exp(
            math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
            + i * math.log(q) + (n - i) * math.log1p(-q)
        )
        for i in range(count + 1)
    ]  # fmt: skip
    return min(1.0, math.fsum(terms))
