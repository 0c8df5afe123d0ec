"""The k highest scores."""

from __future__ import annotations

import numpy as np

from uwe._types import Rows, Scores

__all__ = ["top_k"]


def top_k(scores: Scores, k: int) -> Rows:
    """The ``k`` rows with the highest scores, highest first; of equals, the lower row.

    >>> import torch
    >>> top_k(torch.tensor([0.1, 0.7, 0.2, 0.7]), 3)
    array([1, 3, 2])
    """
    falling = np.argsort(-scores.cpu().numpy(), kind="stable")
    return falling[:k].astype(np.int64)
