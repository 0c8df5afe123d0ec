"""Which candidate has the largest gain, found by refining bounds where they decide."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from uwe._types import BoolArray, IntArray, Rows
from uwe.selection._column import Column, joined
from uwe.selection._coverage import Coverage
from uwe.selection._foresight import Foresight, foresee
from uwe.selection._sweep import Sweep

__all__ = ["Search"]

_SUMMED = 32  # columns that are summed at once
_FETCHED = 16  # columns that are read at once, at first; then twice as many, up to the most
_MOST = 256
_PATIENCE = 3  # a sweep pays where this part of all columns was read since the last
_WRONG = 0.4  # share of rows that may have to be read again
_YOUNG = 16  # picks after which a column is pruned, and after as many again as there were
_KEPT = 0.8  # of the bytes for columns, what a sweep may keep


class Search:
    """The candidates with what is known of their gains.

    Attributes:
        upper: float64 ``[m]``, upper bounds of the gains in quanta; -1 for what was picked.
        seen: how many picks there were when the column of a candidate was summed last.
        pruned: the same of when it was pruned.
        columns: by position among the candidates; they hold every row that counts.
    """

    def __init__(self, cover: Coverage, candidates: Rows, k: int) -> None:
        self.cover, self.candidates, self.k = cover, candidates, k
        self.upper = np.full(len(candidates), np.inf)
        self.seen = np.full(len(candidates), -1, dtype=np.int64)
        self.has = np.zeros(len(candidates), dtype=np.bool_)
        self.exact = np.zeros(len(candidates), dtype=np.bool_)
        self.pruned = np.zeros(len(candidates), dtype=np.int64)
        self.columns: dict[int, Column] = {}
        self.bytes = self.waiting = 0
        self.most = self._at_once(cover.scene.entry() * len(cover.floor))
        self.picked: list[int] = []
        self.whole = False  # whether all candidates have columns
        self._look_ahead()

    def next(self) -> tuple[int, int]:
        """Pick the candidate of the largest gain, the lower row of equal ones."""
        self.batch = min(_FETCHED, self.most)
        self._arrive()
        if not self.whole:
            self._reconsider()
        while True:
            top = int(self.upper.argmax())
            if self.seen[top] == len(self.picked) and self.exact[top]:
                return self._pick(top)
            self._refine(top)

    def _pick(self, top: int) -> tuple[int, int]:
        gain = int(self.upper[top])
        column = self._drop(top)
        self.cover.take(column.rows, column.value)
        self.upper[top] = -1.0
        self.picked.append(top)
        return int(self.candidates[top]), gain

    def _refine(self, top: int) -> None:
        if not self.has[top]:
            self._fetch(top)
        elif self.seen[top] < len(self.picked):
            self._sum(self._first(self.has & (self.seen < len(self.picked)), _SUMMED, top))
        else:
            candidate = int(self.candidates[top])
            self._put(top, self.cover.settle(candidate, self._drop(top)))
            self._sum(np.array([top]))

    def _first(self, which: BoolArray, most: int, top: int) -> IntArray:
        """Of some candidates those with the largest bounds, ``top`` among them."""
        value = np.where(which, self.upper, -2.0)
        most = min(most, len(value))
        first = np.argpartition(value, -most)[-most:]
        first = first[value[first] >= 0.0]
        return first if top in first else np.append(first, top)

    def _sum(self, at: IntArray) -> None:
        """Sum columns as rows are covered now."""
        exact = self.exact[at]
        for each in at[exact].tolist():
            self.upper[each] = self.cover.gain(self.columns[each])
        some = at[~exact]
        if len(some):
            self._prune(some[len(self.picked) >= 2 * self.pruned[some] + _YOUNG])
            bound = self.cover.gains([self.columns[each] for each in some.tolist()])
            self.upper[some] = np.minimum(bound, self.upper[some])
        self.seen[at] = len(self.picked)

    def _prune(self, at: IntArray) -> None:
        """Forget the rows of columns that do not count any more."""
        self.pruned[at] = len(self.picked)
        if len(at):
            columns = self.cover.pruned([self.columns[each] for each in at.tolist()])
            for each, column in zip(at.tolist(), columns, strict=True):
                self._put(each, column)

    def _fetch(self, top: int) -> None:
        """Read columns of the candidates with the largest bounds among those that have none."""
        at = self._first(~self.has, self.batch, top)
        before = self.bytes
        for each, column in zip(at.tolist(), self.cover.columns(self.candidates[at]), strict=True):
            self._put(each, column)
        self._sum(at)
        self.read += len(at)
        self.most = self._at_once((self.bytes - before) // len(at))
        self.batch = min(2 * self.batch, self.most)
        self._shed(top)

    def _at_once(self, size: int) -> int:
        """How many columns of that size are read at once."""
        room = max(1, self._room() // (8 * max(1, size)))
        return min(_MOST, room, self.cover.scene.sizes.centres)

    def _room(self) -> int:
        """Bytes for columns beside those that wait for their state."""
        return self.cover.scene.sizes.columns - self.waiting

    def _put(self, at: int, column: Column) -> None:
        if self.has[at]:
            self._drop(at)
        self.columns[at] = column
        self.bytes += column.bytes
        self.has[at], self.exact[at] = True, column.exact

    def _drop(self, at: int) -> Column:
        column = self.columns.pop(at)
        self.bytes -= column.bytes
        self.has[at] = self.exact[at] = False
        return column

    def _shed(self, top: int) -> None:
        """Forget columns of small bounds where they take too much memory."""
        room = self._room()
        if self.bytes <= room:
            return
        for at in sorted(self.columns, key=lambda each: self.upper[each]):
            if self.bytes <= room // 2:
                return
            if at != top:
                self._drop(at)
                self.whole = False

    def _look_ahead(self) -> None:
        """Guess what comes, and bound all gains now and then."""
        left = np.flatnonzero(self.upper >= 0.0)
        self.read, self.since = 0, len(self.picked)
        self._forget()
        room = int(_KEPT * self.cover.scene.sizes.columns)
        self.ahead = self._guess(left, room)
        self.left = len(self.ahead.floors)
        self.sweep = Sweep(
            self.cover.scene,
            self.candidates,
            self.ahead.floors,
            keep=self.ahead.fits,
            room=room,
        )
        self.waiting = self.sweep.taken * self.sweep.kept + self.ahead.bytes()
        self.foreseen = self.ahead.floors[-1]
        self.ahead.floors.clear()

    def _guess(self, left: IntArray, room: int) -> Foresight:
        crowd = self.cover.scene.sizes.crowd
        if len(left) <= crowd:
            return Foresight(floors=[self.cover.floor.copy()], fits=True)
        return foresee(self.cover, self.candidates, left, self.k - len(self.picked), room)

    def _forget(self) -> None:
        for at in list(self.columns):
            self._drop(at)

    def _arrive(self) -> None:
        """Use what was foreseen of a state that has come."""
        done = set(self.picked[self.since :])
        ahead = self.ahead.picks
        while self.left and done.issuperset(ahead[: len(ahead) + 1 - self.left]):
            bounds = self.sweep.bounds[-self.left]
            self.left -= 1
            self.upper = np.where(self.upper < 0.0, self.upper, np.minimum(self.upper, bounds))
            if not self.left and self.sweep.kept:
                self._install(self.sweep.columns())
                self._settle_in()
        now = len(done)
        if now < len(ahead) and done == set(ahead[:now]):
            self._install(self.ahead.close[now].items())
            self.ahead.close[now] = {}

    def _settle_in(self) -> None:
        """Note that all candidates have columns, and that none wait any more."""
        self.sweep.kept, self.whole, self.waiting = False, True, 0

    def _reconsider(self) -> None:
        """Get columns of all candidates where that is cheap by now, or look ahead anew."""
        impatient = self.read * _PATIENCE > len(self.upper)
        if self.sweep.kept and len(self.picked) - self.since >= len(self.ahead.picks):
            wrong = self.cover.floor < self.foreseen
            if wrong.mean() < (_WRONG if impatient else _WRONG / 4):
                self._correct(wrong)
                return
        if impatient:
            self._look_ahead()

    def _correct(self, wrong: BoolArray) -> None:
        """Use the kept columns although other rows were picked than was foreseen.

        Rows that are covered less than was foreseen meet all candidates again.
        """
        sweep = self.sweep
        floors = [self.cover.floor]
        rows, room = np.flatnonzero(wrong), sweep.room - sweep.taken
        again = Sweep(self.cover.scene, self.candidates, floors, keep=True, room=room, rows=rows)
        if not again.kept:
            sweep.kept, self.waiting = False, 0
            return
        self._forget()
        self._settle_in()
        self._install(
            (at, joined([part for part in (old.keep(~wrong[old.rows]), new) if len(part.rows)]))
            for (at, old), (_, new) in zip(sweep.columns(), again.columns(), strict=True)
        )

    def _install(self, columns: Iterable[tuple[int, Column]]) -> None:
        for at, column in columns:
            if self.upper[at] >= 0.0 and not self.exact[at]:
                self._put(at, column)
                self.seen[at] = -1
