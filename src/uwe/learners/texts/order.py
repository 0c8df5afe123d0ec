"""The order in which texts are read: batches of like length waste little on filling up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from uwe._types import Rows

__all__ = ["longest_first", "shuffled_by_length"]

_BATCHES = 8


def shuffled_by_length(lengths: Sequence[int], batch: int, rng: torch.Generator) -> list[Rows]:
    """Rows in random order, in batches of like length.

    The rows are shuffled and cut into groups of eight batches; a group is sorted by length and cut
    into batches; all batches are shuffled.

    Args:
        lengths: tokens of each row, ``[n]``.
        batch: rows in a batch.
        rng: draws the order.

    >>> rng = torch.Generator().manual_seed(1)
    >>> sorted(row for rows in shuffled_by_length([3, 9, 3, 8], 2, rng) for row in rows.tolist())
    [0, 1, 2, 3]
    """
    n, known = len(lengths), np.asarray(lengths)
    order = torch.randperm(n, generator=rng).numpy()
    groups = [order[at : at + _BATCHES * batch] for at in range(0, n, _BATCHES * batch)]
    found = [
        each[np.argsort(known[each], kind="stable")][at : at + batch]
        for each in groups
        for at in range(0, len(each), batch)
    ]
    return [found[at] for at in torch.randperm(len(found), generator=rng).tolist()]


def longest_first(lengths: Sequence[int], batch: int) -> list[Rows]:
    """All rows in batches, the longest first, so that too large a batch fails at once.

    >>> [rows.tolist() for rows in longest_first([3, 9, 3, 8], 2)]
    [[1, 3], [0, 2]]
    """
    order = np.argsort(-np.asarray(lengths), kind="stable")
    return [order[at : at + batch] for at in range(0, len(order), batch)]
