"""Random streams that are independent of each other: one for each (seed, cycle, role)."""

from __future__ import annotations

import zlib

import numpy as np
import torch

__all__ = ["derive_seed", "generator"]


def derive_seed(seed: int, cycle: int, role: str) -> int:
    """A 63-bit seed for one role in one cycle of one run.

    Adding a role, or asking for one more often, changes no other role's stream.

    >>> derive_seed(1, 0, "train") == derive_seed(1, 0, "train")
    True
    >>> derive_seed(1, 0, "train") == derive_seed(1, 0, "query")
    False
    """
    sequence = np.random.SeedSequence([seed, cycle, zlib.crc32(role.encode())])
    high, low = (int(word) for word in sequence.generate_state(2, np.uint32))
    return (high << 31 | low >> 1) & (2**63 - 1)


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU, so that a stream is the same on every device."""
    return torch.Generator().manual_seed(seed)
