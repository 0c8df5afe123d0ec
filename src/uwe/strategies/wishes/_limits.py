"""What a pick must keep to beside other picks: a distance, and the share of its group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from uwe._types import IntArray, Rows
from uwe.strategies.wishes._quota import Groups

if TYPE_CHECKING:
    from uwe.points import Points

__all__ = ["Limits"]


@dataclass(frozen=True, eq=False)
class Limits:
    """Which rows may still be picked, given the picks so far.

    Attributes:
        distance: no two picks are closer; 0 where there is no such wish.
        points: in which distances are taken, or None.
        groups: of the rows, or None where there is no quota.
        left: int64 ``[g]``, how many picks each group may still get; None without a quota.
    """

    distance: float = 0.0
    points: Points | None = None
    groups: Groups | None = None
    left: IntArray | None = None

    def first(self, rows: Rows, most: int) -> Rows:
        """The first rows, each of which may be picked beside those before it.

        Args:
            rows: in order; each of them may be picked beside the picks so far.
            most: how many, at most.
        """
        groups = None if self.groups is None else self.groups.of[rows]
        if not self.distance or self.points is None:
            within = slice(None) if groups is None else _turns(groups) < self._left[groups]
            return rows[within][:most]
        from uwe.selection import first_apart

        kept = first_apart(self.points, rows, self.distance, most, groups=groups, caps=self.left)
        return rows[kept]

    def after(self, picks: Rows) -> Limits:
        """The limits once ``picks`` have been picked, too."""
        if self.groups is None:
            return self
        return replace(self, left=self._left - self.groups.sizes(picks))

    def open(self, rows: Rows, picks: Rows) -> Rows:
        """Those of ``rows`` whose group may get a pick, and that keep away from ``picks``."""
        if self.groups is not None:
            of = self.groups.of[rows]
            rows = rows[(of >= 0) & (self._left[of] > 0)]
        if not self.distance or self.points is None:
            return rows
        from uwe.selection import closer_than

        return rows[~closer_than(self.points, rows, picks, self.distance)]

    @property
    def _left(self) -> IntArray:
        return np.zeros(0, dtype=np.int64) if self.left is None else self.left


def _turns(groups: IntArray) -> IntArray:
    """How many earlier entries each entry's group has.

    >>> _turns(np.array([3, 1, 3, 3])).tolist()
    [0, 0, 1, 2]
    """
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(groups) else order
    lengths = np.diff(np.r_[starts, len(groups)])
    turns = np.empty(len(groups), dtype=np.int64)
    turns[order] = np.arange(len(groups)) - np.repeat(starts, lengths)
    return turns
