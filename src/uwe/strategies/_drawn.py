"""The composition of chance: rows that are drawn, uniformly or by weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from uwe._random import derive_seed
from uwe._types import FloatArray
from uwe.strategies._picks import Picks
from uwe.strategies._question import Needs, Question
from uwe.strategies._strategy import Choose, Strategy
from uwe.strategies._weighing import drawn_by

__all__ = ["drawn"]


def drawn() -> Strategy:
    """Rows drawn uniformly.

    >>> drawn().needs.fields
    frozenset()
    """
    return Strategy(_Drawn(), name="drawn", needs=Needs())


@dataclass(frozen=True)
class _Drawn:
    weight_rule: ClassVar[str] = "rows are drawn in proportion to their weights"

    def weighted_by(self, weights: FloatArray) -> Choose:
        """Drawn one after another in proportion to the weights of the rows that are left."""
        return _DrawnByWeight(weights)

    def __call__(self, question: Question, k: int) -> Picks:
        from uwe.selection import uniform

        candidates = question.candidates
        return Picks(candidates[uniform(len(candidates), k, seed=question.seed)])


@dataclass(frozen=True, eq=False)
class _DrawnByWeight:
    weights: FloatArray
    weight_rule: ClassVar[str] = _Drawn.weight_rule

    def weighted_by(self, weights: FloatArray) -> Choose:
        """Drawn by the product of the weights."""
        return _DrawnByWeight(self.weights * weights)

    def __call__(self, question: Question, k: int) -> Picks:
        candidates = question.candidates
        at = drawn_by(self.weights[candidates], derive_seed(question.seed, 0, "weight"))
        return Picks(candidates[at[:k]])
