"""How much each place of an image counts in the row that stands for the image."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["REDUCTIONS", "Weigh"]

Weigh = Callable[["torch.Tensor", "torch.Tensor", float], "torch.Tensor"]
"""Weights ``[p]`` of uncertainties ``[p]``, predicted classes ``[p]`` and the share of ``top``."""

_ROUNDED = 1e-9  # 0.1 of 30 places are 3, although the product in floats is more


def _mean(u: torch.Tensor, classes: torch.Tensor, top: float) -> torch.Tensor:
    del classes, top
    return u.new_full(u.shape, 1 / len(u))


def _sum(u: torch.Tensor, classes: torch.Tensor, top: float) -> torch.Tensor:
    del classes, top
    return u.new_ones(u.shape)


def _max(u: torch.Tensor, classes: torch.Tensor, top: float) -> torch.Tensor:
    del classes, top
    weights = u.new_zeros(u.shape)
    weights[u.argmax()] = 1  # of equal ones the first
    return weights


def _top(u: torch.Tensor, classes: torch.Tensor, top: float) -> torch.Tensor:
    """The mean over the share of largest uncertainty; of equal places the first ones count."""
    del classes
    k = max(1, math.ceil(top * len(u) - _ROUNDED))
    least = u.topk(k, sorted=False).values.min()
    chosen = u > least
    equal = (u == least).nonzero().squeeze(1)
    chosen[equal[: k - int(chosen.sum())]] = True
    return chosen.to(u) / k


def _class_mean(u: torch.Tensor, classes: torch.Tensor, top: float) -> torch.Tensor:
    """The mean within each predicted class, then the mean over the classes that occur."""
    del top
    counts = classes.bincount()
    occurring = int((counts > 0).sum())
    return 1 / (counts[classes].to(u) * occurring)


REDUCTIONS: Mapping[str, Weigh] = {
    "mean": _mean,
    "top": _top,
    "max": _max,
    "sum": _sum,
    "class_mean": _class_mean,
}
"""The reductions by name; the first is the default."""
