"""Processor threads: a run uses as many as its record says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any

import torch

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
        with nullcontext() if isinstance(learner, Measured) else _pools_limited(number):
            yield
    finally:
        torch.set_num_threads(before)


def _pools_limited(number: int) -> AbstractContextManager[Any]:
    try:
        limits: AbstractContextManager[Any] = import_module("threadpoolctl").threadpool_limits(
            number
        )
    except ImportError:  # then there is no scikit-learn either
        return nullcontext()
    return limits
