"""Strategies that pick rows which are typical of a part of the pool."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from uwe._clock import Clock
from uwe._types import IntArray, Rows, is_integral
from uwe.embedding import normalised, written_out
from uwe.errors import InputError
from uwe.strategies._compose import Represent, embedding_of, represented_by
from uwe.strategies._picks import Picks
from uwe.strategies._question import Question
from uwe.strategies._sampling import few
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import strategy_factory

if TYPE_CHECKING:
    from uwe.points import Points

__all__ = ["typiclust"]

_SMALL = 5  # rows that a cluster must have
_MOST = 8_192  # rows of a cluster whose typicality is computed


@strategy_factory
def typiclust(
    *,
    normalise: Literal["unit", "none", "standard"] = "unit",
    max_clusters: int = 500,
    neighbours: int = 20,
) -> Strategy:
    """The most typical row of each of the largest clusters without labels.

    There are as many clusters as labelled rows and picks together. They are taken in the order of
    their labelled rows and picks, fewest first, the larger of equals; those of fewer than five rows
    last. A row is typical where its nearest neighbours in the cluster are near.

    Args:
        normalise: ``unit``, features of length one; ``standard``, columns of one scale; ``none``.
        max_clusters: how many clusters there are at most.
        neighbours: how many nearest neighbours tell how typical a row is.

    Source: Hacohen, Dekel, Weinshall, "Active Learning on a Budget: Opposite Strategies Suit High
    and Low Budgets", ICML 2022.
    """
    for name, value in (("max_clusters", max_clusters), ("neighbours", neighbours)):
        if not is_integral(value) or value < 1:
            raise InputError(f"{name} must be a whole number of at least 1, not {value!r}")
    represent, needs = embedding_of(normalised(normalise))
    return Strategy(_Typical(represent, int(max_clusters), int(neighbours)), needs=needs)


@dataclass(frozen=True)
class _Typical:
    represent: Represent
    most: int
    neighbours: int

    def __call__(self, question: Question, k: int) -> Picks:
        from uwe.points import as_points
        from uwe.selection.clusters import clusters

        clock, known = Clock(), question.anchors
        points = as_points(represented_by(self.represent, question))
        count = min(len(known) + k, self.most, len(points))
        number = clusters(written_out(points), count, seed=question.seed)
        clock.lap("representation")
        rows = list(self._picked(points, number, question, k))
        clock.lap("selection")
        facts = {"clusters": int(number.max()) + 1}
        return Picks(np.array(rows, dtype=np.int64), seconds=clock.seconds, facts=facts)

    def _picked(
        self, points: Points, number: IntArray, question: Question, k: int
    ) -> Iterator[int]:
        sizes = np.bincount(number)
        labels = np.bincount(number[question.anchors], minlength=len(sizes)).tolist()
        candidates = question.candidates
        left = {
            at: self._by_typicality(points, members, own, question.seed)
            for at, (members, own) in enumerate(
                zip(
                    _grouped(np.arange(len(number)), number, len(sizes)),
                    _grouped(candidates, number[candidates], len(sizes)),
                    strict=True,
                )
            )
            if len(own)
        }
        turns = [(bool(sizes[at] < _SMALL), labels[at], -int(sizes[at]), at) for at in left]
        heapq.heapify(turns)
        for _ in range(k):
            row = None
            while row is None:
                small, count, size, at = heapq.heappop(turns)
                row = next(left[at], None)
            heapq.heappush(turns, (small, count + 1, size, at))
            yield row

    def _by_typicality(self, points: Points, members: Rows, own: Rows, seed: int) -> Iterator[int]:
        """The candidates of a cluster, the most typical first; of equals, the lower row."""
        from uwe.selection.density import neighbour_distance

        asked = few(own, _MOST, seed)
        at = np.searchsorted(members, asked)
        apart = neighbour_distance(points.take(members), self.neighbours, rows=at)
        yield from asked[np.argsort(apart, kind="stable")].tolist()
        yield from np.setdiff1d(own, asked, assume_unique=True).tolist()


def _grouped(rows: Rows, number: IntArray, count: int) -> list[Rows]:
    """The rows of each cluster, rising."""
    order = np.argsort(number, kind="stable")
    return np.split(rows[order], np.cumsum(np.bincount(number, minlength=count))[:-1])
