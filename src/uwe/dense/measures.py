"""Uncertainty of each place of an image, from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from uwe.errors import require_known

if TYPE_CHECKING:
    import torch

__all__ = ["PLACE_MEASURES", "objectness_uncertainty", "place_uncertainty"]

_AT_ONCE = 2**18
"""Numbers of a block: few enough for a core's cache, and for memory that is used again."""


def place_uncertainty(probs: torch.Tensor, measure: str = "entropy") -> torch.Tensor:
    """How unsure a model is of each place, from 0 to 1, in the precision of ``probs``.

    Formulas, c being the number of classes and p₁ ≥ p₂ the two largest probabilities:
    ``entropy``: ``-Σ p log p / log c``; ``margin``: ``1 - (p₁ - p₂)``; ``least_confident``:
    ``(1 - p₁) · c / (c - 1)``. All are 0 for a single class.

    Args:
        probs: probabilities ``[..., c]``, the classes last.
        measure: ``entropy``, ``margin`` or ``least_confident``.

    Returns:
        ``[...]``.

    Raises:
        InputError: the measure is unknown.

    >>> import torch
    >>> probs = torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.75, 0.25]])
    >>> for name in PLACE_MEASURES:
    ...     print(place_uncertainty(probs, name))
    tensor([1.0000, 0.0000, 0.8113])
    tensor([1.0000, 0.0000, 0.5000])
    tensor([1.0000, 0.0000, 0.5000])
    """
    of = _MEASURES[require_known(measure, _MEASURES, "uncertainty")]
    if probs.shape[-1] == 1:
        return probs.new_zeros(probs.shape[:-1])
    return of(probs)


def objectness_uncertainty(scores: torch.Tensor) -> torch.Tensor:
    """How unsure a detector is whether there is an object, from 0 to 1.

    Formula: ``(-s log s - (1 - s) log(1 - s)) / log 2``, s being the largest score of a place.

    Args:
        scores: each from 0 to 1, ``[..., c]``; they need not sum to 1.

    Returns:
        ``[...]``.

    >>> import torch
    >>> objectness_uncertainty(torch.tensor([[0.1, 0.5], [1.0, 0.9]]))
    tensor([1., 0.])
    """
    import torch

    best = scores.amax(-1)
    return _entropy(torch.stack([1 - best, best], -1))


def _entropy(probs: torch.Tensor) -> torch.Tensor:
    import torch

    c = probs.shape[-1]
    flat = probs.detach().reshape(-1, c)
    ones = flat.new_ones(c)
    bits = flat.new_empty(len(flat))
    rows = max(1, len(flat) if flat.is_cuda else min(len(flat), _AT_ONCE // c))
    logs = flat.new_empty((rows, c))  # one block's, used again for the next
    tiny = torch.finfo(flat.dtype).tiny
    for start in range(0, len(flat), rows):
        block = flat[start : start + rows]
        here = logs[: len(block)]
        _log2_(torch.clamp_min(block, tiny, out=here)).mul_(block)
        torch.mv(here, ones, out=bits[start : start + rows])  # faster than a sum of few numbers
    return (0 - bits.view(probs.shape[:-1])) / math.log2(c)


def _log2_(values: torch.Tensor) -> torch.Tensor:
    """The logarithm in place; on CPUs numpy's takes less than half the time."""
    if values.is_cuda or not hasattr(np, str(values.dtype).removeprefix("torch.")):
        return values.log2_()
    numbers = values.numpy()
    np.log2(numbers, out=numbers)
    return values


def _margin(probs: torch.Tensor) -> torch.Tensor:
    first, at = probs.max(-1, keepdim=True)  # topk of few classes is slower
    second = probs.scatter(-1, at, -1.0).amax(-1)
    return 1 - (first.squeeze(-1) - second)


def _least_confident(probs: torch.Tensor) -> torch.Tensor:
    c = probs.shape[-1]
    return (1 - probs.amax(-1)) * (c / (c - 1))


_MEASURES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "entropy": _entropy,
    "margin": _margin,
    "least_confident": _least_confident,
}
PLACE_MEASURES = tuple(_MEASURES)
"""The measures of a place, by name; the first is the default."""
