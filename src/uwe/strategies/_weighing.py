"""How a weight of each row counts for a strategy, and how a strategy goes on after earlier picks.

The function ``choose`` of a strategy may be an object that says so itself, by the protocols of this
module. Any other function picks among candidates that are drawn in proportion to their weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import numpy as np

from uwe._random import derive_seed
from uwe._types import FloatArray, IntArray, Scores
from uwe.strategies._naming import name_of
from uwe.strategies._picks import Picks
from uwe.strategies._question import Question
from uwe.strategies._strategy import Choose, Strategy
from uwe.uncertainty import Measure, measured

if TYPE_CHECKING:
    from uwe.predictions import Predictions

__all__ = [
    "KEPT_BY_WEIGHT", "Composed", "Continues", "Times", "Weighable", "continuing", "drawn_by",
    "weighted_by",
]  # fmt: skip

_CHOICE = 10  # candidates that a strategy has for each pick, at least
KEPT_BY_WEIGHT: Final = "rows become candidates at random, in proportion to their weights"
"""The rule for strategies that know no weights, as a clause."""


@runtime_checkable
class Weighable(Protocol):
    """A ``choose`` that takes weights into account itself."""

    @property
    def weight_rule(self) -> str:
        """What the weights do, as a clause."""
        ...

    def weighted_by(self, weights: FloatArray) -> Choose | None:
        """The function that chooses with weights; None where this one knows none after all.

        Args:
            weights: float64 ``[n]``, from 0 to 1, one for each row of the pool, whether it may be
                picked or not. Rows of weight 0 are no candidates.
        """
        ...


@runtime_checkable
class Continues(Protocol):
    """A ``choose`` that can keep away from the rows taken earlier in the same query."""

    def continuing(self) -> Choose:
        """The function that does."""
        ...


@runtime_checkable
class Composed(Protocol):
    """A ``choose`` that asks strategies."""

    def with_parts(self, change: Callable[[Strategy], Strategy]) -> Choose:
        """The same with each strategy changed."""
        ...


def weighted_by(strategy: Strategy, weights: FloatArray) -> Strategy:
    """The strategy with the importance of each row multiplied by a weight.

    A measure that ranks or weighs is multiplied, a coverage is weighted, rows that are drawn at
    random are drawn in proportion, and a combination hands the weights on. Any other strategy picks
    among some of the candidates: each is kept with probability ``w / max w``, and at least 10 for
    each pick are kept, the others in the order of the same draw. The notes of its picks say which
    of these was done.

    Args:
        strategy: any, for its task.
        weights: float64 ``[n]``, from 0 to 1, one for each row of the pool.
    """
    choose: Any = strategy.choose
    own = choose.weighted_by(weights) if isinstance(choose, Weighable) else None
    if own is not None:
        weighted = replace(strategy, choose=own)
        return replace(strategy, choose=_Noted(weighted, choose.weight_rule))
    if isinstance(choose, Composed):
        return replace(strategy, choose=choose.with_parts(lambda part: weighted_by(part, weights)))
    return replace(strategy, choose=_Noted(_thinned(strategy, weights), KEPT_BY_WEIGHT))


def continuing(strategy: Strategy) -> Strategy:
    """The strategy, keeping away from rows that are taken where its kind can."""
    choose: Any = strategy.choose
    if isinstance(choose, Continues):
        return replace(strategy, choose=choose.continuing())
    if isinstance(choose, Composed):
        return replace(strategy, choose=choose.with_parts(continuing))
    return strategy


def drawn_by(weights: FloatArray, seed: int) -> IntArray:
    """All places in random order, each next one drawn in proportion to the weights that are left.

    Args:
        weights: float64 ``[m]``, above 0.
        seed: of the draw.

    Source: Efraimidis, Spirakis, "Weighted random sampling with a reservoir", Information
    Processing Letters 97, 2006.

    >>> drawn_by(np.array([1.0, 1e-9, 1e9]), seed=0).tolist()
    [2, 0, 1]
    """
    waits = -np.log1p(-_uniform(len(weights), seed))
    with np.errstate(over="ignore"):
        return np.argsort(waits / weights, kind="stable").astype(np.int64)


@dataclass(frozen=True, eq=False)
class Times:
    """A measure multiplied by a weight of each row.

    A measure that is negative somewhere is first raised until it is not, so that a larger weight
    never makes a row less important.

    Attributes:
        measure: of every row.
        weights: float64 ``[n]``, at least 0.
    """

    measure: Measure
    weights: FloatArray

    @property
    def __name__(self) -> str:
        """The measure's own name."""
        return name_of(self.measure)

    def __call__(self, predictions: Predictions, /) -> Scores:
        """The measure of every row times its weight."""
        import torch

        scores = measured(self.measure, predictions)
        known = scores[scores.isfinite()]
        least = min(float(known.min()), 0.0) if len(known) else 0.0
        return (scores - least) * torch.from_numpy(self.weights).to(scores.device)


@dataclass(frozen=True, eq=False)
class _Noted:
    """A weighted strategy whose picks say what the weights did."""

    strategy: Strategy
    note: str

    def __call__(self, question: Question, k: int) -> Picks:
        picks = self.strategy.answer(question, k)
        return replace(picks, notes=(self.note, *picks.notes))

    def continuing(self) -> _Noted:
        return replace(self, strategy=continuing(self.strategy))


def _thinned(strategy: Strategy, weights: FloatArray) -> Strategy:
    return replace(strategy, choose=_Thinned(strategy, weights))


@dataclass(frozen=True, eq=False)
class _Thinned:
    """A strategy that picks among candidates that are drawn in proportion to weights."""

    strategy: Strategy
    weights: FloatArray

    def __call__(self, question: Question, k: int) -> Picks:
        candidates = question.candidates
        kept = candidates[_kept(self.weights[candidates], _CHOICE * k, question.seed)]
        return self.strategy.answer(question.among(kept), k)

    def continuing(self) -> _Thinned:
        return replace(self, strategy=continuing(self.strategy))


def _kept(weights: FloatArray, least: int, seed: int) -> IntArray:
    """Rising places: each with probability ``w / max w``, and at least so many, if there are."""
    with np.errstate(over="ignore"):
        turn = _uniform(len(weights), derive_seed(seed, 0, "weight")) / (weights / weights.max())
    order = np.argsort(turn, kind="stable")
    many = max(least, int((turn < 1).sum()))
    return np.sort(order[:many]).astype(np.int64)


def _uniform(n: int, seed: int) -> FloatArray:
    return np.random.default_rng(seed).random(n)
