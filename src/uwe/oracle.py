"""Who answers a query in a simulation, and what a simulation knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from uwe._random import as_seed, derive_seed
from uwe._types import Labels, Rows
from uwe.errors import InputError
from uwe.tasks import Array, Task

__all__ = ["Oracle", "Simulated", "check_noise", "simulated"]

Oracle: TypeAlias = Callable[[Rows], list[Any]]
"""Gives the value of each of some rows, as the journal writes it."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """A person who answers at once, made from labels that are known.

    It alone reads the labels of a pool. Measurements of a simulation ask it for `truth`, since
    losses over rows that nobody answered can be known in a simulation only.

    Attributes:
        task: what is learnt.
        truth: the true targets of the pool.
        answers: what is answered, which may differ from them.
    """

    task: Task
    truth: Array
    answers: Array

    def __call__(self, rows: Rows) -> list[Any]:
        """The value of each of ``rows``."""
        return self.task.targets.values(self.answers[rows])


def simulated(task: Task, y: Array, *, noise: float = 0.0, seed: int = 1) -> Simulated:
    """An oracle that knows every label, and errs with a given probability.

    A wrong answer is drawn uniformly among the other classes. The errors of all rows are drawn at
    once from the seed, so that a question that is asked twice gets the same answer.

    Args:
        task: what is learnt.
        y: the true targets.
        noise: probability of a wrong answer, 0 to 1; of classification only.
        seed: seed of the errors.

    Raises:
        InputError: there is noise, and the task is not classification.

    >>> from uwe.tasks import classification
    >>> simulated(classification(10), np.array([7, 8, 9]))(np.array([2, 0]))
    [9, 7]
    >>> simulated(classification(2), np.array([0, 1]), noise=1.0)(np.array([0, 1]))
    [1, 0]
    """
    check_noise(task, noise)
    answers = _with_errors(y, len(task.classes), noise, seed) if noise else y
    return Simulated(task, y, answers)


def check_noise(task: Task, noise: float) -> None:
    """Refuse wrong answers where there are no other classes to draw them from.

    Raises:
        InputError: there is noise, and the task is not classification.
    """
    if noise and task.name != "classification":
        raise InputError(
            f"label noise draws another class, which {task.name} does not have; leave "
            "--label-noise out"
        )


def _with_errors(y: Array, classes: int, noise: float, seed: int) -> Labels:
    rng = np.random.default_rng(derive_seed(as_seed(seed), 0, "label noise"))
    wrong = rng.random(len(y)) < noise
    others = rng.integers(1, classes, len(y))
    answers: Labels = np.where(wrong, (y + others) % classes, y)
    return answers
