"""A Fisher design: the rows whose labels would tell a linear model most about the whole pool.

The trace that is made small is that of a matrix, so a pick changes every gain. What a pick changes
is of rank one: with ``a = A v / √(1 + v·A v)`` the inverse ``A`` loses ``a aᵀ``, and the two forms
that a gain is made of change by products of ``v_i·a`` and ``v_i·A F a``. A pick thus costs one
pass over the rows. The forms are computed anew where rounding could have taken the digits that
decide, and gains that agree in nine digits are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from uwe._types import FloatArray, Progress, Rows
from uwe.errors import InputError
from uwe.points import Array
from uwe.selection._progress import tell

__all__ = ["fisher_design"]

_HELD = 2**27  # numbers: a gigabyte in float64
_EQUAL = 1e-9  # gains nearer to each other than this share of them are equal
_SURE = 1e-11  # the share of a gain that rounding may take before it is computed anew
_ROUNDING = 2.0**-52
_LARGEST = 1e14  # the square of a row beside λ, of which rounding leaves two digits there
_STEPS = 512  # picks between two computations, at most
_ROWS = 256  # at once: what a pass reads stays in the processor's cache for both columns


def fisher_design(
    x: Array,
    k: int,
    *,
    weights: FloatArray | None = None,
    labelled: Rows | None = None,
    candidates: Rows | None = None,
    regularisation: float = 1.0,
    oversample: float = 2.0,
    progress: Progress | None = None,
) -> Rows:
    """``k`` rows that make ``tr(M⁻¹ F)`` small: more are picked greedily, then some are dropped.

    Formula: with ``v_i = w_i x_i``, ``F = Σ_i v_i v_iᵀ`` over all rows and
    ``M = λ I + Σ v_j v_jᵀ`` over the labelled and the picked rows, the next pick is the row of the
    largest ``v·M⁻¹ F M⁻¹ v / (1 + v·M⁻¹ v)``, which is what the trace loses by it. The row dropped
    is the one of the least ``v·M⁻¹ F M⁻¹ v / (1 - v·M⁻¹ v)``, which is what the trace gains.
    Of equal ones the lower row stays.

    Args:
        x: n rows: an array, a tensor or a memory-mapped file ``[n, d]``.
        k: how many to pick, 0 to the number of candidates.
        weights: ``w``, float64 ``[n]``; 1 if it is None.
        labelled: rows whose labels are known.
        candidates: the only rows that may be picked, rising; all rows if it is None.
        regularisation: ``λ``, above 0.
        oversample: how many times k rows are picked before rows are dropped, at least 1.
        progress: called with a `Stage` after each pick or drop.

    Returns:
        int64 ``[k]``, distinct candidates in the order of picking.

    Raises:
        InputError: k is out of range, an option is, or the square of a row is above 10¹⁴ λ.

    Source: Ash, Goel, Krishnamurthy, Kakade (2021), Gone fishing: neural active learning with
    Fisher embeddings.

    >>> x = np.array([[0.0, 2.0], [1.0, 0.0], [3.0, 0.0], [3.0, 0.0]])
    >>> fisher_design(x, 2).tolist()
    [2, 0]
    """
    allowed = np.arange(len(x)) if candidates is None else np.asarray(candidates)
    _require(k, len(allowed), regularisation, oversample)
    if not k:
        return np.empty(0, dtype=np.int64)
    scales = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    known = np.empty(0, dtype=np.int64) if labelled is None else np.asarray(labelled)
    fisher = _Field(x, scales, np.arange(len(x))).gram()
    moment = _Field(x, scales, known).gram()
    if not (np.isfinite(fisher).all() and np.isfinite(moment).all()):
        raise InputError("a row is too large: its square exceeds float64; scale the features")
    design = _Design(fisher, moment, regularisation)
    most = min(len(allowed), max(k, round(oversample * k)))
    field = _Field(x, scales, allowed).held()
    _require_digits(max(field.largest(), _Field(x, scales, known).largest()), regularisation)
    grown = _grown(design, field, most, progress, 2 * most - k)
    kept = _pruned(design, field.take(grown).held(), k, progress, 2 * most - k)
    return allowed[grown[kept]].astype(np.int64)


def _require(k: int, left: int, regularisation: float, oversample: float) -> None:
    if not 0 <= k <= left:
        raise InputError(f"asked for {k} picks of {left} candidates; k must be from 0 to {left}")
    if not (np.isfinite(regularisation) and regularisation > 0):
        raise InputError(f"regularisation is {regularisation}; it must be a number above 0")
    if not (np.isfinite(oversample) and oversample >= 1):
        raise InputError(f"oversample is {oversample}; it must be a number of at least 1")


def _require_digits(largest: float, regularisation: float) -> None:
    if largest > _LARGEST * regularisation:
        raise InputError(
            f"a row is too large: its square is {largest:.3g}, beside which a regularisation of "
            f"{regularisation:g} is lost in rounding; scale the features, or raise regularisation"
        )


@dataclass(frozen=True)
class _Field:
    """Some rows times their weights, in float64: block by block, or held."""

    x: Array  # [n, d]
    weights: FloatArray  # [n]
    rows: Rows  # [m]
    whole: FloatArray | None = None  # [m, d]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        return int(self.x.shape[1])

    def take(self, at: Rows) -> _Field:
        return _Field(self.x, self.weights, self.rows[at])

    def held(self) -> _Field:
        """The same rows; made once where they are short."""
        if len(self) * self.width > _HELD:
            return self
        return _Field(self.x, self.weights, self.rows, self.made(slice(None)))

    def made(self, span: slice) -> FloatArray:
        if self.whole is not None:
            return self.whole[span]
        rows = self.rows[span]
        part = self.x[rows]
        given = part.detach().cpu().double().numpy() if isinstance(part, torch.Tensor) else part
        made: FloatArray = self.weights[rows, None] * np.asarray(given, dtype=np.float64)
        return made

    def blocks(self) -> Iterator[tuple[slice, FloatArray]]:
        for start in range(0, len(self), _ROWS):
            span = slice(start, start + _ROWS)
            yield span, self.made(span)

    def gram(self) -> FloatArray:
        """``Σ v vᵀ``, float64 ``[d, d]``."""
        total = np.zeros((self.width, self.width))
        with np.errstate(over="ignore", invalid="ignore"):
            for _, block in self.blocks():
                total += block.T @ block
        return total

    def largest(self) -> float:
        """The largest ``v·v``; 0 of no rows."""
        squares = (np.einsum("ij,ij->i", block, block).max() for _, block in self.blocks())
        return float(max(squares, default=0.0))

    def times(self, right: FloatArray) -> FloatArray:
        """``v·r`` of each row and each column of ``right`` ``[d, m]``."""
        found = np.empty((len(self), right.shape[1]))
        for span, block in self.blocks():
            np.matmul(block, right, out=found[span])
        return found

    def forms(self, matrix: FloatArray) -> FloatArray:
        """``v·(matrix v)`` of each row."""
        found = np.empty(len(self))
        for span, block in self.blocks():
            found[span] = np.einsum("ij,ij->i", block @ matrix, block)
        return found


class _Design:
    """``F``, ``M`` and the inverse of ``M``, as rows come and go.

    Attributes:
        fisher: ``F``.
        moment: ``M - λ I``, without the latest steps.
        inverse: ``M⁻¹``.
    """

    def __init__(self, fisher: FloatArray, moment: FloatArray, regularisation: float) -> None:
        self.fisher, self.moment = fisher, moment
        self.regularisation = regularisation
        self.latest: list[tuple[int, FloatArray]] = []
        self.scratch = np.empty_like(moment)
        self.refresh()

    def refresh(self) -> None:
        """Invert ``M`` anew; none of its eigenvalues is below λ."""
        if self.latest:
            signs, rows = (np.array(each) for each in zip(*self.latest, strict=True))
            self.moment += rows.T @ (signs[:, None] * rows)
            self.latest.clear()
        values, vectors = np.linalg.eigh((self.moment + self.moment.T) / 2)
        values = np.maximum(values, 0.0) + self.regularisation
        self.inverse = (vectors / values) @ vectors.T

    def step(self, row: FloatArray, sign: int) -> tuple[FloatArray, float]:
        """Add (1) or take away (-1) a row.

        Returns:
            ``a`` and ``A F a`` as columns ``[d, 2]``, and ``a·F a``.
        """
        moved = self.inverse @ row
        a = moved / np.sqrt(max(1.0 + sign * float(row @ moved), np.finfo(np.float64).tiny))
        told = self.fisher @ a
        both = np.stack([a, self.inverse @ told], 1)
        self.inverse -= np.multiply(sign * a[:, None], a, out=self.scratch)
        self.latest.append((sign, row))
        return both, float(a @ told)


class _Forms:
    """Of each row ``v·A v`` and ``v·A F A v``, kept up with a design.

    Attributes:
        small: float64 ``[m]``, ``v·A v``.
        large: float64 ``[m]``, ``v·A F A v``.
        steps: how many rows came or went since they were computed.
    """

    def __init__(self, design: _Design, field: _Field) -> None:
        self.design, self.field = design, field
        self.refresh()

    def refresh(self) -> None:
        """Compute both anew."""
        self.design.refresh()
        inverse = self.design.inverse
        self.small = np.maximum(self.field.forms(inverse), 0.0)
        self.large = np.maximum(self.field.forms(inverse @ self.design.fisher @ inverse), 0.0)
        self.steps = 0
        self.small_then, self.large_then = self.small.copy(), self.large.copy()

    def step(self, at: int, sign: int) -> None:
        """The row at ``at`` comes (1) or goes (-1)."""
        [row] = self.field.made(slice(at, at + 1))
        both, told = self.design.step(row, sign)
        along, across = self.field.times(both).T
        self.small -= sign * along**2
        self.large += along * (told * along - 2 * sign * across)
        np.maximum(self.small, 0.0, out=self.small)
        np.maximum(self.large, 0.0, out=self.large)
        self.steps += 1

    def change(self, sign: int) -> FloatArray:
        """What the trace loses if a row comes (1), or gains if it goes (-1)."""
        return self.large / self._below(sign)

    def is_sure(self, change: FloatArray, best: float, sign: int) -> bool:
        """Whether rounding has left the digits that decide."""
        if self.steps == 0 or best <= 0:
            return self.steps == 0
        lost = (self.large_then + change * (1 + self.small_then)) / self._below(sign)
        lost[change == np.inf] = 0.0
        return self.steps < _STEPS and self.steps * _ROUNDING * float(lost.max()) < _SURE * abs(
            best
        )

    def _below(self, sign: int) -> FloatArray:
        return np.maximum(1.0 + sign * self.small, _ROUNDING)


def _grown(
    design: _Design, field: _Field, count: int, progress: Progress | None, total: int
) -> Rows:
    """Positions of ``count`` rows in the order in which the greedy picks them."""
    forms = _Forms(design, field)
    left = np.ones(len(field), dtype=bool)
    picks = np.empty(count, dtype=np.int64)
    for i in range(count):
        gains = np.where(left, forms.change(1), -np.inf)
        if not forms.is_sure(forms.change(1), float(gains.max()), 1):
            forms.refresh()
            gains = np.where(left, forms.change(1), -np.inf)
        picks[i] = pick = int(np.argmax(gains >= gains.max() * (1 - _EQUAL)))
        left[pick] = False
        forms.step(pick, 1)
        tell(progress, i + 1, total)
    return picks


def _pruned(design: _Design, field: _Field, k: int, progress: Progress | None, total: int) -> Rows:
    """Positions of the k rows that are left once the others were dropped, one after another."""
    if len(field) == k:
        return np.arange(k)
    forms = _Forms(design, field)
    left = np.ones(len(field), dtype=bool)
    for i in range(len(field) - k):
        losses = np.where(left, forms.change(-1), np.inf)
        if not forms.is_sure(losses, float(losses.min()), -1):
            forms.refresh()
            losses = np.where(left, forms.change(-1), np.inf)
        least = np.flatnonzero(losses <= losses.min() * (1 + _EQUAL))
        drop = int(least[field.rows[least].argmax()])
        left[drop] = False
        forms.step(drop, -1)
        tell(progress, len(field) + i + 1, total)
    return np.flatnonzero(left)
