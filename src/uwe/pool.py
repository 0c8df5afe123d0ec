"""Which rows were queried, when, and their labels: the only state of active learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uwe._types import IntArray, Labels, Rows
from uwe.errors import RunError

__all__ = ["Pool"]

_NO = -1


@dataclass(frozen=True)
class Pool:
    """For each dataset row the cycle in which it was queried, and its label.

    Attributes:
        cycle: int64 ``[n]``, -1 where not queried.
        label: int64 ``[n]``, -1 where not known.

    >>> pool = Pool.untouched(4).buy([2, 0], cycle=0).answer([2, 0], [1, 0])
    >>> pool.labelled.tolist(), pool.unlabelled.tolist(), pool.outstanding.tolist()
    ([0, 2], [1, 3], [])
    """

    cycle: IntArray
    label: Labels

    @classmethod
    def untouched(cls, n: int) -> Pool:
        """``n`` rows, none of them queried."""
        return cls(np.full(n, _NO, dtype=np.int64), np.full(n, _NO, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.cycle)

    @property
    def labelled(self) -> Rows:
        """Rows whose label is known, rising."""
        return np.flatnonzero(self.label != _NO)

    @property
    def unlabelled(self) -> Rows:
        """Rows not queried yet, rising: the candidates of a query."""
        return np.flatnonzero(self.cycle == _NO)

    @property
    def outstanding(self) -> Rows:
        """Rows queried whose label is not known yet, rising."""
        return np.flatnonzero((self.cycle != _NO) & (self.label == _NO))

    def buy(self, rows: Rows | list[int], *, cycle: int) -> Pool:
        """Mark ``rows`` as queried in ``cycle``.

        Raises:
            RunError: a row is outside the pool, queried already, or named twice.
        """
        at = self._checked(rows)
        if len(earlier := at[self.cycle[at] != _NO]):
            raise RunError(
                f"row {earlier[0]} cannot be queried in cycle {cycle}: "
                f"it was queried in cycle {self.cycle[earlier[0]]}"
            )
        return Pool(_with(self.cycle, at, cycle), self.label)

    def answer(self, rows: Rows | list[int], labels: Labels | list[int]) -> Pool:
        """Note the ``labels`` of queried ``rows``.

        Raises:
            RunError: a row was not queried, has its label already, or the lengths disagree.
        """
        at = self._checked(rows)
        given = np.asarray(labels, dtype=np.int64)
        if len(at) != len(given):
            raise RunError(f"{len(at)} rows, but {len(given)} labels")
        known = (self.cycle[at] == _NO) | (self.label[at] != _NO)
        if known.any():
            row = at[known][0]
            why = "was not queried" if self.cycle[row] == _NO else "has its label already"
            raise RunError(f"row {row} cannot be labelled: it {why}")
        return Pool(self.cycle, _with(self.label, at, given))

    def _checked(self, rows: Rows | list[int]) -> Rows:
        at = np.asarray(rows, dtype=np.int64)
        outside = at[(at < 0) | (at >= len(self))]
        if len(outside):
            raise RunError(f"row {outside[0]} is outside the pool of {len(self)} rows")
        unique, counts = np.unique(at, return_counts=True)
        if len(unique) != len(at):
            raise RunError(f"row {unique[counts > 1][0]} is named twice")
        return at


def _with(array: IntArray, at: Rows, value: IntArray | int) -> IntArray:
    changed = array.copy()
    changed[at] = value
    return changed
