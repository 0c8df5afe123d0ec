"""Few labelled rows are trained on by one thread: more of them wait for each other.

A linear model of 400 rows and 1,280 columns takes 0.02 s on one thread and 1.1 s on two, because
the optimiser multiplies short vectors thousands of times, and the threads meet at each product.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from uwe.experiment.threads import limited_threads
from uwe.learners import Learner, Measured

__all__ = ["on_few_threads"]

_FEW = 2**24  # numbers


def on_few_threads(learner: Learner, x: Any) -> AbstractContextManager[None]:
    """Limit a training to one thread, unless a network is trained or the rows are many.

    Args:
        learner: that is to be trained; networks choose their threads themselves.
        x: the labelled rows, ``[m, ...]``.
    """
    if isinstance(learner, Measured) or x.shape[0] * x[:1].size > _FEW:
        return nullcontext()
    return limited_threads(1, learner)
