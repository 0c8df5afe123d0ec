"""Rows drawn at random."""

from __future__ import annotations

import torch

from uwe._random import generator
from uwe._types import Rows

__all__ = ["uniform"]


def uniform(n: int, k: int, *, seed: int) -> Rows:
    """``k`` of ``n`` rows, all sets equally likely, in random order.

    >>> sorted(uniform(3, 3, seed=1).tolist())
    [0, 1, 2]
    """
    rows: Rows = torch.randperm(n, generator=generator(seed))[:k].numpy()
    return rows
