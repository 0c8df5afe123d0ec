"""Random streams that are independent of each other: one for each (seed, cycle, role)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["derive_seed", "generator"]


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

    return torch.Generator().manual_seed(seed)
