"""Shares of the rows that are drawn by row, which later rows and answers do not change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from uwe.errors import InputError
from uwe.project.settings import ProjectSettings

__all__ = ["in_share", "people_wanted", "require_share"]

_SHARED_BY = 2


def in_share(row: int, share: float, *, seed: int, role: str) -> bool:
    """Whether a row is in a share of all rows; a larger share contains a smaller one.

    Args:
        row: of the pool.
        share: from 0 to 1.
        seed: of the project.
        role: what the share is for; different roles are independent.

    >>> sum(in_share(row, 0.2, seed=1, role="overlap") for row in range(10_000))
    1985
    """
    drawn = hashlib.blake2b(f"{role}\0{seed}\0{row}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") < share * 2.0**64


def people_wanted(settings: ProjectSettings, overlap: float) -> Callable[[int], int]:
    """How many people are asked about a row: two about those of the overlap.

    Args:
        settings: of the project; all rows may need several answers.
        overlap: share of the rows.
    """

    def wanted(row: int) -> int:
        is_shared = in_share(row, overlap, seed=settings.seed, role="overlap")
        return max(settings.answers, _SHARED_BY if is_shared else 1)

    return wanted


def require_share(share: float, name: str) -> float:
    """Refuse a share that is none.

    Raises:
        InputError: it is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise InputError(f"{name} must be a share from 0 to 1 (20% is 0.2), not {share!r}")
    return float(share)
