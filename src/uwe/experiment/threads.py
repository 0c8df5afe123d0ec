"""Processor threads: a run uses as many as its record says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from uwe._optional import optional
from uwe.learners import Learner, Measured

__all__ = ["limited_threads"]


@contextmanager
def limited_threads(number: int, learner: Learner) -> Iterator[None]:
    """Limit torch to ``number`` threads; for learners without torch, the other libraries as well.

    scikit-learn and NumPy compute in thread pools of their own, which threadpoolctl, a dependency
    of scikit-learn, limits.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        if isinstance(learner, Measured):
            yield
        else:
            with optional("threadpoolctl", "limiting threads").threadpool_limits(number):
                yield
    finally:
        torch.set_num_threads(before)
