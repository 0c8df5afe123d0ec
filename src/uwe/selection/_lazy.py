"""Which candidate has the largest gain, found by refining bounds where they decide."""

from __future__ import annotations

import numpy as np

from uwe._types import Rows
from uwe.selection._coverage import Column, Coverage

__all__ = ["Search"]


class Search:
    """The candidates with what is known of their gains."""

    def __init__(self, cover: Coverage, candidates: Rows) -> None:
        self.cover, self.candidates = cover, candidates
        self.upper = cover.gain_bounds(candidates)
        self.seen = np.full(len(candidates), -1, dtype=np.int64)  # picks when last summed
        self.columns: dict[int, Column] = {}
        self.bytes = 0
        self.batch = 16
        self.picks = 0

    def next(self) -> tuple[int, int]:
        """Pick the candidate of the largest gain, the lower row of equal ones."""
        while True:
            top = int(self.upper.argmax())
            if self.seen[top] == self.picks and self.columns[top].exact:
                return self._pick(top)
            self._refine(top)

    def _pick(self, top: int) -> tuple[int, int]:
        gain = int(self.upper[top])
        column = self._drop(top)
        self.cover.take(column.rows, column.value)
        self.upper[top] = -1.0
        self.picks += 1
        return int(self.candidates[top]), gain

    def _refine(self, top: int) -> None:
        if top not in self.columns:
            self._fetch(top)
        elif self.seen[top] < self.picks:
            self._put(top, self.cover.current(self._drop(top)))
        else:
            candidate = int(self.candidates[top])
            self._put(top, self.cover.settle(candidate, self._drop(top)))

    def _fetch(self, top: int) -> None:
        """Columns of the candidates with the largest bounds among those that have none."""
        open_ = np.flatnonzero(self.upper >= 0)
        bare = open_[[each not in self.columns for each in open_.tolist()]]
        most = bare[np.argsort(-self.upper[bare], kind="stable")[: self.batch]]
        if top not in most:
            most = np.append(most, top)
        before = self.bytes
        for each, column in zip(most, self.cover.columns(self.candidates[most]), strict=True):
            self._put(int(each), column)
        size = max(1, (self.bytes - before) // len(most))
        room = max(1, self.cover.sizes.columns // (4 * size))
        self.batch = int(min(256, max(1, room)))
        self._shed(top)

    def _put(self, at: int, column: Column) -> None:
        self.columns[at] = column
        self.bytes += column.bytes
        bound = self.cover.bound_of(column)
        self.upper[at] = bound if column.exact else min(bound, self.upper[at])
        self.seen[at] = self.picks

    def _drop(self, at: int) -> Column:
        column = self.columns.pop(at)
        self.bytes -= column.bytes
        return column

    def _shed(self, top: int) -> None:
        """Forget columns of small bounds where they take too much memory."""
        if self.bytes <= self.cover.sizes.columns:
            return
        for at in sorted(self.columns, key=lambda each: self.upper[each]):
            if self.bytes <= self.cover.sizes.columns // 2:
                return
            if at != top:
                self._drop(at)
                self.seen[at] = -1
