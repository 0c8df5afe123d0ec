"""What all measures of logits share: blocks of rows, log-probabilities and their entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from uwe._arrays import rows_at_once
from uwe._types import Scores

if TYPE_CHECKING:
    import torch

__all__ = [
    "entropy_of",
    "log_probs",
    "row_by_row",
]

_ROWS_AT_ONCE = 16_384


def row_by_row(logits: torch.Tensor, measure: Callable[[torch.Tensor], Scores]) -> Scores:
    """Apply ``measure`` to blocks of rows, so that the float64 copy stays small."""
    import torch

    if not len(logits):
        return torch.zeros(0, dtype=torch.float64)
    rows = rows_at_once(logits[0].numel(), most=_ROWS_AT_ONCE)
    starts = range(0, len(logits), rows)
    return torch.cat([measure(logits[at : at + rows].double()) for at in starts])


def log_probs(logits: torch.Tensor) -> torch.Tensor:
    shifted = logits - logits.amax(-1, keepdim=True)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


def entropy_of(log_probs: torch.Tensor) -> torch.Tensor:
    import torch

    probs = log_probs.exp()
    return -torch.where(probs > 0, probs * log_probs, 0.0).sum(-1)
