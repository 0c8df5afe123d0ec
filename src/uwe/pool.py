"""Which rows were asked about, when, and what was answered: the only state of active learning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from uwe._types import BoolArray, IntArray, Labels, Rows
from uwe.errors import RunError

__all__ = ["Pool"]

_NO = -1


@dataclass(frozen=True, eq=False, repr=False)
class Pool:
    """What is known of ``n`` rows; it costs the memory of the rows that were touched, not of n.

    A pool never changes: each step gives a new one. A row is asked about once. A value is what was
    answered: a class number, or any other JSON value that the task uses.

    >>> pool = Pool.untouched(4).ask([2, 0], cycle=0).answer([2], [1])
    >>> pool.labelled.tolist(), pool.unlabelled.tolist(), pool.outstanding.tolist()
    ([2], [1, 3], [0])
    >>> pool
    Pool(n=4, asked=2, labelled=1, skipped=0)
    """

    n: int
    _asked: Rows  # rising
    _cycles: IntArray  # of each row in _asked
    _labelled: Rows  # rising
    _values: tuple[Any, ...]  # of each row in _labelled
    _skipped: Rows  # rising

    @classmethod
    def untouched(cls, n: int) -> Pool:
        """``n`` rows, none of them asked about."""
        return cls.of(n, cycles={}, values={})

    @classmethod
    def of(
        cls,
        n: int,
        *,
        cycles: Mapping[int, int],
        values: Mapping[int, Any],
        skipped: Iterable[int] = (),
    ) -> Pool:
        """A pool made in one step.

        Args:
            n: number of rows.
            cycles: the cycle of each row that was asked about.
            values: the value of each row that is labelled, whether it was asked about or not.
            skipped: rows that were skipped.

        Raises:
            RunError: a row is outside the pool, or labelled and skipped.

        >>> Pool.of(9, cycles={7: 0, 3: 1}, values={3: 5, 1: 4}).unasked.tolist()
        [1]
        """
        asked, its_cycles = _sorted(n, cycles)
        labelled = _within(n, np.fromiter(values, np.int64, len(values)))
        order = np.argsort(labelled)
        in_order = list(values.values())
        left_out = np.unique(_within(n, np.fromiter(skipped, np.int64)))
        if len(both := np.intersect1d(labelled, left_out)):
            raise RunError(f"row {both[0]} cannot be labelled and skipped")
        its_values = tuple(in_order[at] for at in order.tolist())
        return cls(n, asked, its_cycles, labelled[order], its_values, left_out)

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        return (
            f"Pool(n={self.n}, asked={len(self._asked)}, labelled={len(self._labelled)}, "
            f"skipped={len(self._skipped)})"
        )

    @property
    def asked(self) -> Rows:
        """Rows that were asked about in a cycle, rising."""
        return self._asked.copy()

    @property
    def labelled(self) -> Rows:
        """Rows whose value is known, rising."""
        return self._labelled.copy()

    @property
    def values(self) -> list[Any]:
        """The values of the rows in `labelled`, in the same order."""
        return list(self._values)

    @property
    def skipped(self) -> Rows:
        """Rows that nobody is asked about again and that have no value, rising."""
        return self._skipped.copy()

    @property
    def outstanding(self) -> Rows:
        """Rows asked about that are neither labelled nor skipped, rising."""
        open_ = ~(_is_among(self._labelled, self._asked) | _is_among(self._skipped, self._asked))
        return self._asked[open_]

    @property
    def unasked(self) -> Rows:
        """Rows that are labelled although they were not asked about, rising."""
        return self._labelled[~_is_among(self._asked, self._labelled)]

    @property
    def touched(self) -> Rows:
        """Rows asked about, labelled or skipped, rising: those that are not `unlabelled`."""
        return np.unique(np.concatenate([self._asked, self._labelled, self._skipped]))

    @property
    def unlabelled(self) -> Rows:
        """Rows neither asked about nor labelled nor skipped, rising: the candidates of a query.

        Computed at each call, in O(n).
        """
        left = np.ones(self.n, dtype=np.bool_)
        for rows in (self._asked, self._labelled, self._skipped):
            left[rows] = False
        return np.flatnonzero(left)

    def asked_in(self, cycle: int) -> Rows:
        """Rows that were asked about in ``cycle``, rising."""
        rows: Rows = self._asked[self._cycles == cycle]
        return rows

    def cycle_of(self, rows: Rows | Sequence[int]) -> IntArray:
        """The cycle in which each of ``rows`` was asked about; -1 where it was not.

        >>> Pool.untouched(4).ask([2], cycle=3).cycle_of([1, 2]).tolist()
        [-1, 3]
        """
        wanted = _within(self.n, rows)
        there = _is_among(self._asked, wanted)
        cycles = np.full(len(wanted), _NO, dtype=np.int64)
        cycles[there] = self._cycles[np.searchsorted(self._asked, wanted[there])]
        return cycles

    def label_of(self, rows: Rows | Sequence[int]) -> list[Any]:
        """The value of each of ``rows``; None where it is not known.

        >>> Pool.untouched(4).ask([2, 3], cycle=0).answer([2], [5]).label_of([3, 2])
        [None, 5]
        """
        wanted = _within(self.n, rows)
        there = _is_among(self._labelled, wanted).tolist()
        at = np.searchsorted(self._labelled, wanted).tolist()
        return [
            self._values[where] if known else None for where, known in zip(at, there, strict=True)
        ]

    def labels(self, rows: Rows | Sequence[int] | None = None) -> Labels:
        """The class numbers of ``rows``, or of all rows in `labelled`: int64 ``[l]``.

        Raises:
            RunError: the value of a row is not known, or is no class number.

        >>> Pool.untouched(4).ask([2, 0], cycle=0).answer([2, 0], [7, 5]).labels().tolist()
        [5, 7]
        """
        values = self._values if rows is None else tuple(self.label_of(rows))
        for at, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, Integral):
                row = (self._labelled if rows is None else np.asarray(rows))[at]
                raise RunError(f"the value of row {row} is {value!r}, not a class number")
        return np.array(values, dtype=np.int64)

    def ask(self, rows: Rows | Sequence[int], *, cycle: int) -> Pool:
        """Mark ``rows`` as asked about in ``cycle``.

        Raises:
            RunError: a row is outside the pool, named twice, or not among the candidates.
        """
        new = self._fresh(rows, f"be asked about in cycle {cycle}")
        asked = np.concatenate([self._asked, new])
        cycles = np.concatenate([self._cycles, np.full(len(new), cycle, dtype=np.int64)])
        order = np.argsort(asked)
        return Pool(
            self.n, asked[order], cycles[order], self._labelled, self._values, self._skipped
        )

    def answer(self, rows: Rows | Sequence[int], values: Sequence[Any] | IntArray) -> Pool:
        """Note the ``values`` of rows that were asked about.

        Raises:
            RunError: a row was not asked about, is labelled or skipped already, or the lengths
                disagree.
        """
        new = self._named_once(rows)
        if len(never := new[~_is_among(self._asked, new)]):
            raise RunError(f"row {never[0]} cannot be labelled: it was not asked about")
        for there, what in ((self._labelled, "has its value"), (self._skipped, "was skipped")):
            if len(known := new[_is_among(there, new)]):
                raise RunError(f"row {known[0]} cannot be labelled: it {what} already")
        return self._with_values(new, values)

    def answer_unasked(self, rows: Rows | Sequence[int], values: Sequence[Any] | IntArray) -> Pool:
        """Note the ``values`` of rows that were not asked about, such as labels from before.

        Raises:
            RunError: a row is outside the pool, named twice, or not among the candidates; or the
                lengths disagree.

        >>> Pool.untouched(3).answer_unasked([1], [0]).unlabelled.tolist()
        [0, 2]
        """
        return self._with_values(self._fresh(rows, "be labelled unasked"), values)

    def skip(self, rows: Rows | Sequence[int]) -> Pool:
        """Leave ``rows`` out for good, whether or not they were asked about.

        Raises:
            RunError: a row is outside the pool, named twice, or labelled or skipped already.

        >>> Pool.untouched(3).ask([1], cycle=0).skip([1, 2]).unlabelled.tolist()
        [0]
        """
        new = self._named_once(rows)
        for there, what in ((self._labelled, "has its value"), (self._skipped, "was skipped")):
            if len(known := new[_is_among(there, new)]):
                raise RunError(f"row {known[0]} cannot be skipped: it {what} already")
        skipped = np.union1d(self._skipped, new)
        return Pool(self.n, self._asked, self._cycles, self._labelled, self._values, skipped)

    def _with_values(self, new: Rows, values: Sequence[Any] | IntArray) -> Pool:
        given = values.tolist() if isinstance(values, np.ndarray) else list(values)
        if len(new) != len(given):
            raise RunError(f"{len(new)} rows, but {len(given)} values")
        labelled = np.concatenate([self._labelled, new])
        order = np.argsort(labelled)
        every = (*self._values, *given)
        in_order = tuple(every[at] for at in order.tolist())
        return Pool(self.n, self._asked, self._cycles, labelled[order], in_order, self._skipped)

    def _fresh(self, rows: Rows | Sequence[int], what: str) -> Rows:
        """The rows, all of which must be candidates."""
        new = self._named_once(rows)
        if len(earlier := new[_is_among(self._asked, new)]):
            cycle = self.cycle_of(earlier[:1])[0]
            raise RunError(f"row {earlier[0]} cannot {what}: it was asked about in cycle {cycle}")
        for there, state in ((self._labelled, "has its value"), (self._skipped, "was skipped")):
            if len(known := new[_is_among(there, new)]):
                raise RunError(f"row {known[0]} cannot {what}: it {state} already")
        return new

    def _named_once(self, rows: Rows | Sequence[int]) -> Rows:
        named = _within(self.n, rows)
        unique, counts = np.unique(named, return_counts=True)
        if len(unique) != len(named):
            raise RunError(f"row {unique[counts > 1][0]} is named twice")
        return named


def _within(n: int, rows: Rows | Sequence[int]) -> Rows:
    """The rows as an array, all of which must be of the pool."""
    named = np.asarray(rows, dtype=np.int64)
    if len(outside := named[(named < 0) | (named >= n)]):
        raise RunError(f"row {outside[0]} is outside the pool of {n} rows")
    return named


def _sorted(n: int, numbers: Mapping[int, int]) -> tuple[Rows, IntArray]:
    """Rows and their numbers by rising row."""
    rows = _within(n, np.fromiter(numbers, np.int64, len(numbers)))
    order = np.argsort(rows)
    return rows[order], np.fromiter(numbers.values(), np.int64, len(numbers))[order]


def _is_among(rising: Rows, rows: Rows) -> BoolArray:
    """Which of ``rows`` are among those that rise."""
    if not len(rising):
        return np.zeros(len(rows), dtype=np.bool_)
    at = np.minimum(np.searchsorted(rising, rows), len(rising) - 1)
    found: BoolArray = rising[at] == rows
    return found
