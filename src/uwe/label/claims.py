"""Who has which item in front of them: claims that expire, in the memory of one process."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Claims"]


class Claims:
    """Which rows people hold; a claim that nobody renews expires.

    Args:
        seconds: how long a claim holds.
        clock: gives the time in seconds.

    >>> now = [0.0]
    >>> claims = Claims(10, clock=lambda: now[0])
    >>> claims.take(3, "ann")
    >>> claims.holders(3), claims.of("ann")
    ({'ann'}, [3])
    >>> now[0] = 11.0
    >>> claims.holders(3), claims.of("ann")
    (set(), [])
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: dict[str, dict[int, float]] = {}

    def take(self, row: int, by: str) -> None:
        """Give a row to a person, or renew the claim; a new claim is behind the others."""
        self._until.setdefault(by, {})[row] = self._clock() + self._seconds

    def put_first(self, row: int, by: str) -> None:
        """Give a row to a person, before all that they hold."""
        others = self._until.get(by, {})
        others.pop(row, None)
        self._until[by] = {row: self._clock() + self._seconds, **others}

    def drop(self, row: int, by: str) -> None:
        """A person no longer holds a row."""
        self._until.get(by, {}).pop(row, None)

    def drop_all(self, by: str) -> None:
        """A person holds nothing any more."""
        self._until.pop(by, None)

    def of(self, by: str) -> list[int]:
        """The rows that a person holds, in the order in which they were given."""
        now = self._clock()
        return [row for row, until in self._until.get(by, {}).items() if until > now]

    def holders(self, row: int) -> set[str]:
        """Who holds a row."""
        now = self._clock()
        return {by for by, rows in self._until.items() if rows.get(row, now) > now}
