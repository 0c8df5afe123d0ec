"""Strategies that make the Fisher information of the labelled rows like that of the pool."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from uwe._types import FloatArray, is_real
from uwe.errors import InputError
from uwe.strategies._picks import Picks
from uwe.strategies._question import Needs, Question
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import strategy_factory
from uwe.tasks import Task
from uwe.uncertainty import least_confident

__all__ = ["bait"]


@strategy_factory
def bait(*, regularisation: float = 1.0, oversample: float = 2.0) -> Strategy:
    """The rows whose labels tell a linear model most about its errors on the whole pool (BAIT).

    The binary form: the Fisher embedding of a row is √(p (1 - p)) · features, p being the largest
    probability. For numbers it is the features alone. Rows are picked greedily so that
    tr(M⁻¹ F) falls most, F being the sum of v vᵀ over the pool and M that over the labelled and
    picked rows plus λ; more rows than needed are picked, and the least useful are dropped.

    Args:
        regularisation: λ, above 0; the larger the features, the less it does.
        oversample: how many times as many rows are picked before some are dropped, at least 1.

    Source: Ash, Goel, Krishnamurthy, Kakade, "Gone Fishing: Neural Active Learning with Fisher
    Embeddings", NeurIPS 2021.
    """
    for name, value, least in (
        ("regularisation", regularisation, 0),
        ("oversample", oversample, 1),
    ):
        if not is_real(value) or not np.isfinite(value) or value < least or value == 0:
            bound = "above 0" if least == 0 else f"at least {least}"
            raise InputError(f"{name} of bait is {value!r}; it must be a number, {bound}")
    choose = _Design("binary", regularisation, oversample)
    made = Strategy(choose, name="bait", needs=Needs({"logits"}, features=True))
    return replace(made, adapt=partial(_for_task, made))


def _for_task(made: Strategy, task: Task) -> Strategy:
    assert isinstance(made.choose, _Design)
    if "logits" in task.outputs:
        return made
    if "mean" in task.outputs:
        return replace(
            made, choose=replace(made.choose, weighs="equal"), needs=Needs(features=True)
        )
    part = "place" if task.weighted is not None else "label"
    raise InputError(
        f"the Fisher embedding of a row would have a part for each {part}; choose badge, uwe or "
        "coreset"
    )


@dataclass(frozen=True)
class _Design:
    weighs: str
    regularisation: float
    oversample: float

    def __call__(self, question: Question, k: int) -> Picks:
        from uwe.selection.fisher import fisher_design

        rows = fisher_design(
            question.predictions.field("features"),
            k,
            weights=_WEIGHTS[self.weighs](question),
            labelled=question.anchors,
            candidates=question.candidates,
            regularisation=self.regularisation,
            oversample=self.oversample,
            progress=question.progress,
        )
        return Picks(rows)


def _binary(question: Question) -> FloatArray:
    """``√(p (1 - p))``, p being the largest probability of a row."""
    doubt: FloatArray = least_confident(question.predictions).cpu().numpy()
    return np.sqrt(doubt * (1 - doubt))


def _equal(question: Question) -> FloatArray:
    """What the variance of a number weighs, up to a factor: the same in every row."""
    return np.ones(len(question.predictions))


_WEIGHTS = {"binary": _binary, "equal": _equal}
