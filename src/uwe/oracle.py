"""Who answers a query."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from uwe._random import derive_seed
from uwe._types import Labels, Rows

__all__ = ["Oracle", "simulated"]

Oracle: TypeAlias = Callable[[Rows], Labels]


def simulated(y: Labels, *, classes: int, noise: float = 0.0, seed: int = 1) -> Oracle:
    """An oracle that knows every label, and errs with a given probability.

    A wrong answer is drawn uniformly among the other classes. The errors of all rows are drawn at
    once from the seed, so that a question that is asked twice gets the same answer.

    Args:
        y: int64 ``[n]``, the true classes.
        classes: number of classes.
        noise: probability of a wrong answer, 0 to 1.
        seed: seed of the errors.

    >>> simulated(np.array([7, 8, 9]), classes=10)(np.array([2, 0])).tolist()
    [9, 7]
    >>> simulated(np.array([0, 1]), classes=2, noise=1.0)(np.array([0, 1])).tolist()
    [1, 0]
    """
    answers = _with_errors(y, classes, noise, seed) if noise else y
    return lambda rows: answers[rows]


def _with_errors(y: Labels, classes: int, noise: float, seed: int) -> Labels:
    rng = np.random.default_rng(derive_seed(seed, 0, "label noise"))
    wrong = rng.random(len(y)) < noise
    others = rng.integers(1, classes, len(y))
    answers: Labels = np.where(wrong, (y + others) % classes, y)
    return answers
