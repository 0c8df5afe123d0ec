"""How long the parts of some work take."""

from __future__ import annotations

import time

__all__ = ["Clock"]


class Clock:
    """Seconds of one part of the work after another.

    >>> clock = Clock()
    >>> clock.lap("training")
    >>> list(clock.seconds)
    ['training']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        """Note that ``part`` has just been done."""
        now = time.perf_counter()
        self.seconds[part] = now - self._last
        self._last = now
