"""Processor threads: a run uses as many as its record says."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib import import_module
from typing import Any

from uwe.errors import InputError
from uwe.learners import Learner, Measured
from uwe.runs.record import MOST_THREADS

__all__ = ["limited_threads", "require_threads"]


@cache
def require_threads(number: int) -> None:
    """Try whether this process may have so many threads, if they are more than the processors.

    A number that cannot be had would end the process in the middle of a training.

    Raises:
        InputError: the system refuses them.
    """
    if number <= (os.cpu_count() or 1):
        return
    if number > MOST_THREADS:
        raise InputError(f"threads must be at most {MOST_THREADS}, not {number}")
    end = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(number):
            thread = threading.Thread(target=end.wait, daemon=True)
            thread.start()
            started.append(thread)
    except (RuntimeError, MemoryError) as error:
        raise InputError(
            f"threads is {number}, but this machine has {os.cpu_count()} processors, and the "
            f"system refuses more than {len(started)} threads; choose fewer --threads"
        ) from error
    finally:
        end.set()
        for thread in started:
            thread.join()


@contextmanager
def limited_threads(number: int, learner: Learner) -> Iterator[None]:
    """Limit torch to ``number`` threads; for learners without torch, the other libraries as well.

    scikit-learn and NumPy compute in thread pools of their own, which threadpoolctl, a dependency
    of scikit-learn, limits.
    """
    import torch  # not before the command line has been checked

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
