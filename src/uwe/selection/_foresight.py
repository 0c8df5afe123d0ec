"""What is likely to be picked next, from a sample of rows: a guess that saves sweeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uwe._types import FloatArray, IntArray, Rows
from uwe.selection._bounds import spans
from uwe.selection._column import Column
from uwe.selection._coverage import Coverage

__all__ = ["Foresight", "foresee"]

_SAMPLED = 1200  # rows from which all candidates are judged
_AGAIN = 3000  # rows from which the first of them are
_FIRST = 384
_FEW = 64  # candidates that are compared on all rows before each guess
_CLOSE = 0.99  # of the best gain, from which a column is kept
_STATE = 60  # bytes of a row in a state that is foreseen, of a third of the memory
_FARTHEST = 12  # picks that are foreseen


@dataclass
class Foresight:
    """Picks that are likely to come, in order.

    Attributes:
        picks: positions among the candidates.
        floors: how well rows are covered before the first of them, and after each.
        close: for each pick, the columns that were near the best, by position.
        fits: whether columns of all candidates seem to fit into memory after the last pick.
    """

    picks: list[int] = field(default_factory=list)
    floors: list[Any] = field(default_factory=list)
    close: list[dict[int, Column]] = field(default_factory=list)
    fits: bool = False

    def bytes(self) -> int:
        """What the columns take."""
        return sum(column.bytes for each in self.close for column in each.values())


def foresee(cover: Coverage, candidates: Rows, left: IntArray, most: int, room: int) -> Foresight:
    """Guess picks until columns of all candidates fit into ``room`` bytes.

    Args:
        cover: what is covered now; it stays as it is.
        candidates: rows that may be picked.
        left: positions of those that were not picked yet.
        most: picks, at most.
        room: bytes.
    """
    found = Foresight(floors=[cover.floor.copy()])
    sample = _Sample(cover, candidates[left], room)
    ahead = cover.branch()
    scene = cover.scene
    column = scene.entry() * float(np.isfinite(cover.floor).sum())
    most = min(most, _FARTHEST, room // (_STATE * len(cover.floor)))
    while True:
        found.fits = 1.15 * sample.share() * column * len(left) < room
        if found.fits or len(found.picks) >= most or found.bytes() > room // 8:
            return found
        few = int(np.clip(room / (8 * (sample.share() * column + 1)), 1, _FEW))
        at = sample.best(ahead, few)
        columns = ahead.columns(candidates[left[at]])
        gains = ahead.gains(columns)
        best = int(gains.argmax())
        pick = int(left[at[best]])
        exact = ahead.settle(int(candidates[pick]), columns[best])
        near = np.flatnonzero(gains >= _CLOSE * gains[best]).tolist()
        found.close.append({int(left[at[each]]): columns[each] for each in near} | {pick: exact})
        found.picks.append(pick)
        ahead.take(exact.rows, exact.value)
        found.floors.append(ahead.floor.copy())
        sample.take(ahead, int(at[best]))


class _Sample:
    """Some rows, drawn as often as they weigh, with kernel values to all candidates."""

    def __init__(self, cover: Coverage, candidates: Rows, room: int) -> None:
        scene = self.scene = cover.scene
        self.candidates = candidates
        weights = np.where(np.isfinite(cover.floor), scene.weights / scene.unit, 0.0)
        itemsize = np.dtype(scene.code).itemsize
        size = int(np.clip(3 * room // (4 * itemsize * len(candidates)), 8, _SAMPLED))
        self.rows = _drawn(weights, size)
        self.more = _drawn(weights, min(_AGAIN, len(weights)))
        self.rare = 1.0 / np.maximum(weights[self.rows], 1e-300)
        self.rare /= self.rare.sum() or 1.0
        self.table = np.empty((len(self.rows), len(candidates)), dtype=scene.code)
        for part in spans(len(self.rows), scene.sizes.rows):
            tile = scene.tile(self.rows[part])
            for span in spans(len(candidates), scene.sizes.centres):
                bound = scene.bound(self.rows[part], tile, scene.tile(candidates[span]))
                self.table[part, span] = scene.encoded(bound)
        self.floor = np.minimum(cover.floor[self.rows], 1).astype(np.float32)
        self.score: FloatArray = np.zeros(len(candidates))
        self.active = np.zeros(len(self.rows))
        self.chunk = max(1, scene.sizes.rows * scene.sizes.centres // (2 * len(candidates)))
        for part in spans(len(self.rows), self.chunk):
            self._count(part, self.floor[part], 1.0)

    def _count(self, at: Any, floor: Any, sign: float) -> None:
        rise = self.table[at] * np.float32(self.scene.step)
        rise -= floor[:, None]
        self.active[at] = (rise > 0).mean(1)
        self.score += sign * np.maximum(rise, 0, out=rise).sum(0)

    def share(self) -> float:
        """What share of pairs counts, as it seems."""
        return float(self.rare @ self.active)

    def best(self, cover: Coverage, most: int) -> IntArray:
        """The candidates of the largest gains, as it seems from two samples."""
        first = _largest(self.score, min(_FIRST, self.scene.sizes.centres))
        scene, score = self.scene, np.zeros(len(first))
        centres = scene.tile(self.candidates[first])
        for part in spans(len(self.more), scene.sizes.rows):
            rows = self.more[part]
            bound = scene.bound(rows, scene.tile(rows), centres)
            bound -= np.minimum(cover.floor[rows], 1)[:, None]
            score += np.maximum(bound, 0, out=bound).sum(0)
        return np.sort(first[_largest(self.score[first] + score, most)])

    def take(self, cover: Coverage, pick: int) -> None:
        """Note a pick."""
        now = np.minimum(cover.floor[self.rows], 1).astype(np.float32)
        risen = np.flatnonzero(now > self.floor)
        for part in spans(len(risen), self.chunk):
            at = risen[part]
            self._count(at, self.floor[at], -1.0)
            self._count(at, now[at], 1.0)
        self.floor = now
        self.score[pick] = -np.inf


def _largest(values: FloatArray, most: int) -> IntArray:
    most = min(most, len(values))
    found: IntArray = np.argpartition(values, -most)[-most:]
    return found


def _drawn(weights: FloatArray, size: int) -> IntArray:
    """Rows at even steps of the cumulative weight."""
    cumulative = np.cumsum(weights)
    if not cumulative[-1]:
        return np.empty(0, dtype=np.int64)
    steps = (np.arange(size) + 0.5) * (cumulative[-1] / size)
    rows: IntArray = np.minimum(np.searchsorted(cumulative, steps), len(weights) - 1)
    return rows
