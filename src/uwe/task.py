"""Single-label classification: its loss and its accuracy."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from uwe._types import Labels, Logits

__all__ = ["accuracy", "mean_loss", "training_loss"]


def training_loss(logits: Logits, labels: torch.Tensor, *, smoothing: float = 0.0) -> torch.Tensor:
    """Mean cross-entropy of a batch, a scalar to differentiate; the softmax is in float32.

    Args:
        logits: ``[b, c]``.
        labels: class numbers ``[b]``.
        smoothing: share of each label that is spread over all classes.
    """
    return functional.cross_entropy(logits.float(), labels, label_smoothing=smoothing)


def mean_loss(logits: Logits, y: Labels) -> float | None:
    """Mean cross-entropy in float64; None without rows.

    >>> round(mean_loss(torch.tensor([[0.0, 0.0]]), np.array([1])), 4)
    0.6931
    """
    if not len(y):
        return None
    return float(functional.cross_entropy(logits.double(), torch.from_numpy(np.array(y))))


def accuracy(logits: Logits, y: Labels) -> float | None:
    """Share of rows whose largest logit belongs to their label; None without rows.

    >>> accuracy(torch.tensor([[0.0, 1.0], [2.0, 0.0]]), np.array([1, 1]))
    0.5
    """
    if not len(y):
        return None
    return float(np.mean(logits.argmax(1).cpu().numpy() == y))
