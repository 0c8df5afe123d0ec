"""Uncertainty of each place of an image, from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from uwe.errors import require_known

if TYPE_CHECKING:
    import torch

__all__ = ["PLACE_MEASURES", "place_uncertainty"]


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


def _entropy(probs: torch.Tensor) -> torch.Tensor:
    import torch

    nats: torch.Tensor = torch.special.entr(probs).sum(-1)
    return nats / math.log(probs.shape[-1])


def _margin(probs: torch.Tensor) -> torch.Tensor:
    first, second = probs.topk(2, -1).values.unbind(-1)
    return 1 - (first - second)


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
