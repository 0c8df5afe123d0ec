"""Seconds of a call, and of several calls in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(works: Mapping[str, Callable[[], object]], turns: int) -> dict[str, list[float]]:
    """Seconds of each work in each turn, after one turn that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(turns + 1):
        for name, work in works.items():
            seconds = timed(work)
            if turn:
                taken[name].append(seconds)
    return taken
