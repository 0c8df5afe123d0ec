"""Bounds of all gains at once, now and after each of some picks that are foreseen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from uwe._types import FloatArray, IntArray, Rows
from uwe.selection._bounds import spans
from uwe.selection._column import Column, Piece, merged
from uwe.selection._scene import Scene, rounded_down

__all__ = ["Sweep"]

_PART = 256  # terms of a sum in working precision
_MANY = 0.4  # share of rows whose cover changed, from which a state is summed anew


class Sweep:
    """One meeting of all rows with all candidates.

    Args:
        scene: points and kernel.
        candidates: int64 ``[m]``, ascending.
        floors: ``[n]`` each: how well rows are covered in one state after another.
        keep: whether to keep the columns of the last state.
        room: bytes that these may take; where they take more they are given up.
        rows: int64, which rows the candidates meet; all by default.

    Attributes:
        bounds: float64 ``[states, m]``, upper bounds of the gains in quanta.
        kept: whether columns were kept.
    """

    def __init__(
        self,
        scene: Scene,
        candidates: Rows,
        floors: Sequence[Any],
        *,
        keep: bool,
        room: int,
        rows: Rows | None = None,
    ) -> None:
        self.scene, self.candidates, self.room, self.kept = scene, candidates, room, keep
        self.symmetric = rows is None and len(candidates) == len(scene.points)
        self.rows = np.arange(len(scene.points)) if rows is None else rows
        self.whole = rows is None
        floors = [each[self.rows] for each in floors]
        live = np.isfinite(floors[0])
        heavy = scene.heavy[self.rows]
        self.even = bool((heavy[live] == heavy[live][:1]).all())
        self.heavy = np.where(live, heavy, 0)
        self.last = np.maximum(floors[-1], scene.least)
        self.states = [_State(self._in_units(each), each) for each in floors]
        for before, state in zip(self.states, self.states[1:], strict=False):
            state.since(before)
        self.total = np.zeros((len(floors), len(candidates)))
        self.taken = 0
        self.rounding = (_PART + 16) * float(np.finfo(scene.kind).eps)
        self.blocks = list(spans(len(candidates), scene.sizes.centres))
        self.pieces: list[list[Piece]] = [[] for _ in self.blocks]
        self._run()
        self.bounds = self._in_quanta()
        self.states.clear()

    def _in_units(self, floor: Any) -> Any:
        """What is covered already, weighted as tables are; a dead row as covered by 1."""
        own = np.minimum(floor, 1).astype(np.float64)
        return rounded_down(own if self.even else own * self.heavy, self.scene.kind)

    def _run(self) -> None:
        work = self._symmetric if self.symmetric else self._one_by_one
        for block in range(len(self.blocks)):
            work(block)

    def _in_quanta(self) -> FloatArray:
        for at, state in enumerate(self.states):
            if not state.anew:
                self.total[at] += self.total[at - 1]
        unit = float(self.heavy.max(initial=0)) if self.even else 1.0
        self.total *= unit * self.scene.unit / self.scene.quantum * (1 + 1e-9)
        bounds: FloatArray = self.total + 1.0
        return bounds

    def _one_by_one(self, block: int) -> None:
        scene = self.scene
        centres = scene.tile(self.candidates[self.blocks[block]])
        total = np.zeros((len(self.states), len(centres)))
        for span in spans(len(self.rows), scene.sizes.rows):
            rows = span if self.whole else self.rows[span]
            table = scene.bound(rows, scene.tile(rows), centres)
            self._note(block, span, table > self.last[span, None], table, down=True)
            self._sum(table, span, total, down=True)
        self._add(block, total)

    def _symmetric(self, block: int) -> None:
        """Each pair is met once, as the kernel is symmetric."""
        scene, mine = self.scene, self.blocks[block]
        tile = scene.tile(mine)
        own = np.zeros((len(self.states), len(tile)))
        for at in range(block, len(self.blocks)):
            theirs = self.blocks[at]
            table = scene.bound(mine, tile, tile if at == block else scene.tile(theirs))
            total = np.zeros((len(self.states), table.shape[1]))
            self._note(at, mine, table > self.last[mine, None], table, down=True)
            if at != block:
                self._note(block, theirs, table > self.last[theirs], table, down=False)
                self._sum(table, theirs, own, down=False)
            self._sum(table, mine, total, down=True)
            self._add(at, total)
        self._add(block, own)

    def _add(self, block: int, total: FloatArray) -> None:
        self.total[:, self.blocks[block]] += total

    def _sum(self, table: Any, span: slice, total: FloatArray, *, down: bool) -> None:
        """Add what some rows give to candidates, in each state.

        The rows are those of the table, or its columns where it is not read ``down``.
        """
        if not self.even:
            heavy = self.heavy[span]
            table = table * (heavy[:, None] if down else heavy)
        for at, state in enumerate(self.states):
            rows = state.rows_in(span)
            for part in spans(span.stop - span.start if rows is None else len(rows), _PART):
                which = part if rows is None else rows[part]
                some = table[which] if down else table[:, which]
                total[at] += self._sum_of(some, state.floor[span][which], down, 1)
                if not state.anew:
                    total[at] -= self._sum_of(some, state.before[span][which], down, -1)

    def _sum_of(self, table: Any, floor: Any, down: bool, sign: int) -> FloatArray:
        """``Σ max(K, floor) - floor``, moved away by what rounding may do."""
        higher = np.maximum(table, floor[:, None] if down else floor)
        found = higher.sum(0 if down else 1)
        moved: FloatArray = found.astype(np.float64) * (1 + sign * self.rounding)
        moved -= floor.sum(dtype=np.float64)
        return moved

    def _note(self, block: int, span: slice, above: Any, table: Any, *, down: bool) -> None:
        """Keep the pairs of a table that are above the last floor."""
        if not self.kept:
            return
        flat = np.flatnonzero(above)
        row, at = np.divmod(flat, table.shape[1])
        value = self.scene.encoded(table.ravel()[flat])
        if down:
            order = np.argsort(at.astype(np.uint16), kind="stable")
            at, row, value = at[order], row[order], value[order]
        else:
            row, at = at, row
        counts = np.bincount(at, minlength=table.shape[1] if down else len(table))
        rows = self.rows[row + span.start].astype(self.scene.index)
        piece = Piece(rows, value, counts.astype(np.uint16), span.start)
        self.taken += piece.bytes
        if self.taken > self.room:
            self.kept, self.pieces = False, [[] for _ in self.blocks]
        else:
            self.pieces[block].append(piece)

    def columns(self) -> Iterator[tuple[int, Column]]:
        """The kept columns, by position among the candidates; each block is freed when read."""
        for span in self.blocks:
            found = sorted(self.pieces.pop(0), key=lambda piece: piece.start)
            rows, value, ends = merged(found, span.stop - span.start)
            for at, (start, stop) in enumerate(pairwise([0, *ends.tolist()])):
                yield span.start + at, Column(rows[start:stop], value[start:stop], start == stop)


class _State:
    """How well rows are covered at one time, and what changed since another."""

    def __init__(self, floor: Any, own: Any) -> None:
        self.floor, self.own = floor, own
        self.before = floor
        self.changed: IntArray | None = None

    @property
    def anew(self) -> bool:
        return self.changed is None

    def since(self, other: _State) -> None:
        changed = np.flatnonzero(self.own != other.own)
        if len(changed) < _MANY * len(self.own):
            self.changed, self.before = changed, other.floor

    def rows_in(self, span: slice) -> Any:
        """The changed rows of a span, counted from its start; None for all."""
        if self.changed is None:
            return None
        first, last = np.searchsorted(self.changed, [span.start, span.stop])
        return self.changed[first:last] - span.start
