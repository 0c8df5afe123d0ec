"""Random streams that are independent of each other: one for each (seed, cycle, role)."""

from __future__ import annotations

import operator
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from uwe.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = ["LARGEST_SEED", "as_seed", "derive_seed", "generator"]

LARGEST_SEED = 2**32 - 1
"""Larger seeds are refused: torch would use their low 32 bits alone."""


def as_seed(seed: Any, name: str = "seed") -> int:
    """A seed as Python's own number: any whole number from 0 to 2³² - 1, of NumPy or torch, too.

    Raises:
        InputError: it is no whole number, or outside that range.

    >>> as_seed(np.int64(7))
    7
    >>> as_seed(2**32)
    Traceback (most recent call last):
        ...
    uwe.errors.InputError: seed must be a whole number from 0 to 4294967295, not 4294967296
    """
    number = None
    if not isinstance(seed, bool | np.bool_) and str(getattr(seed, "dtype", "")) != "torch.bool":
        with suppress(TypeError, ValueError):
            number = operator.index(seed)
    if number is None or not 0 <= number <= LARGEST_SEED:
        raise InputError(
            f"{name} must be a whole number from 0 to {LARGEST_SEED}, not {_shown(seed)}"
        )
    return number


def _shown(seed: Any) -> str:
    """A seed in an error, cut; numbers beyond any use are not printed in full."""
    is_long = isinstance(seed, int) and seed.bit_length() > _LONG
    return f"a number of {seed.bit_length()} bits" if is_long else f"{seed!r:.60}"


_LONG = 128


def derive_seed(seed: int, cycle: int, role: str) -> int:
    """A seed below 2³² for one role in one cycle of one run.

    scikit-learn, NumPy's legacy generator and ``transformers.set_seed`` take no larger one. Adding
    a role, or asking for one more often, changes no other role's stream.

    >>> derive_seed(1, 0, "train") == derive_seed(1, 0, "train") < 2**32
    True
    >>> derive_seed(1, 0, "train") == derive_seed(1, 0, "query")
    False
    """
    sequence = np.random.SeedSequence([seed, cycle, zlib.crc32(role.encode())])
    high, low = (int(word) for word in sequence.generate_state(2, np.uint32))
    return (high << 31 | low >> 1) & (2**32 - 1)  # the low word of earlier versions' 63 bits


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU, so that a stream is the same on every device."""
    import torch  # takes seconds, and the command line asks for seeds before it

    return torch.Generator().manual_seed(as_seed(seed))
