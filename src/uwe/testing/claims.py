"""What a contract claims, and the error that says which claim does not hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uwe.errors import InputError

__all__ = ["claim", "claim_refusal"]


def claim(true: bool, otherwise: str) -> None:
    """Raise if a claim does not hold.

    Raises:
        AssertionError: it does not.

    >>> claim(2 > 1, "numbers are not ordered")
    """
    if not true:
        raise AssertionError(f"contract broken: {otherwise}")


def claim_refusal(work: Callable[[], Any], otherwise: str) -> None:
    """Raise if work is not refused with an `InputError`.

    Raises:
        AssertionError: it is not refused.
    """
    try:
        work()
    except InputError:
        return
    raise AssertionError(f"contract broken: {otherwise}")
