"""How unsure a model is of each label of a row that may have several."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from uwe._types import Scores
from uwe.errors import require_known
from uwe.uncertainty._rows import entropy_of, row_by_row

if TYPE_CHECKING:
    import torch

    from uwe.predictions import Predictions

__all__ = [
    "REDUCTIONS",
    "binary_bvsb",
    "binary_entropy",
    "binary_least_confident",
    "binary_margin",
    "binary_mutual_information",
]

_REDUCED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda scores: scores.mean(-1),
    "max": lambda scores: scores.amax(-1),
    "sum": lambda scores: scores.sum(-1),
}
REDUCTIONS = tuple(_REDUCED)
"""How a measure for each label becomes one for the row."""


def binary_entropy(predictions: Predictions, *, reduce: str = "mean") -> Scores:
    """Entropy of each label on its own, reduced over the labels, in nats.

    Formula: ``h_c = -p_c log p_c - (1 - p_c) log(1 - p_c)`` with ``p_c = sigmoid(z_c)``; the
    mean, the maximum or the sum over c.

    Args:
        predictions: with ``binary_logits`` ``[n, c]``.
        reduce: ``mean``, ``max`` or ``sum``.

    Source: Shannon (1948); summed over labels, Reyes, Morell, Ventura (2018), Effective active
    learning strategy for multi-label learning.

    >>> import torch
    >>> from uwe import Predictions
    >>> rows = Predictions(outputs={"binary_logits": torch.tensor([[0.0, 200.0]])})
    >>> binary_entropy(rows), binary_entropy(rows, reduce="max")
    (tensor([0.3466], dtype=torch.float64), tensor([0.6931], dtype=torch.float64))
    """
    return _by_label(predictions, _bernoulli_entropy, reduce)


def binary_bvsb(predictions: Predictions, *, reduce: str = "mean") -> Scores:
    """The less probable answer over the more probable one, for each label; then reduced.

    Formula: ``min(p_c, 1 - p_c) / max(p_c, 1 - p_c)``, from 0 to 1; mean, maximum or sum over c.

    Args:
        predictions: with ``binary_logits`` ``[n, c]``.
        reduce: ``mean``, ``max`` or ``sum``.

    Source: as `bvsb`, for each label on its own.

    >>> import torch
    >>> from uwe import Predictions
    >>> binary_bvsb(Predictions(outputs={"binary_logits": torch.tensor([[0.0, math.log(4)]])}))
    tensor([0.6250], dtype=torch.float64)
    """
    return _by_label(predictions, lambda logits: (-logits.abs()).exp(), reduce)


def binary_least_confident(predictions: Predictions, *, reduce: str = "mean") -> Scores:
    """How far the more probable answer of each label is from certain; then reduced.

    Formula: ``1 - max(p_c, 1 - p_c)``, from 0 to 1/2; mean, maximum or sum over c.

    Args:
        predictions: with ``binary_logits`` ``[n, c]``.
        reduce: ``mean``, ``max`` or ``sum``.

    Source: as `least_confident`, for each label on its own.

    >>> import torch
    >>> from uwe import Predictions
    >>> logits = torch.tensor([[0.0, math.log(4)]])
    >>> binary_least_confident(Predictions(outputs={"binary_logits": logits}), reduce="sum")
    tensor([0.7000], dtype=torch.float64)
    """
    return _by_label(predictions, lambda logits: (-logits.abs()).sigmoid(), reduce)


def binary_margin(predictions: Predictions, *, reduce: str = "mean") -> Scores:
    """How little the two answers of each label are apart in probability; then reduced.

    Formula: ``1 - |p_c - (1 - p_c)|``, from 0 to 1; mean, maximum or sum over c.

    Args:
        predictions: with ``binary_logits`` ``[n, c]``.
        reduce: ``mean``, ``max`` or ``sum``.

    Source: as `margin`, for each label on its own.

    >>> import torch
    >>> from uwe import Predictions
    >>> binary_margin(Predictions(outputs={"binary_logits": torch.tensor([[0.0, math.log(3)]])}))
    tensor([0.7500], dtype=torch.float64)
    """
    return _by_label(predictions, lambda logits: 2 * (-logits.abs()).sigmoid(), reduce)


def binary_mutual_information(predictions: Predictions, *, reduce: str = "mean") -> Scores:
    """What stochastic passes disagree on, for each label on its own; then reduced, in nats.

    Formula: ``h(1/t Σ_t p_tc) - 1/t Σ_t h(p_tc)`` with the binary entropy h.

    Args:
        predictions: with passes of ``binary_logits`` ``[t, n, c]``.
        reduce: ``mean``, ``max`` or ``sum``.

    Raises:
        InputError: the predictions hold no passes.

    Source: as `mutual_information`, for each label on its own.

    >>> import torch
    >>> from uwe import Predictions
    >>> passes = torch.tensor([[[200.0]], [[-200.0]]])
    >>> binary_mutual_information(Predictions(passes={"binary_logits": passes}))
    tensor([0.6931], dtype=torch.float64)
    """
    by_row = predictions.field("mc_binary_logits").transpose(0, 1)  # [n, t, c]
    return row_by_row(by_row, lambda logits: _reduced(_binary_disagreement(logits), reduce))


def _reduced(scores: torch.Tensor, reduce: str) -> Scores:
    return _REDUCED[require_known(reduce, _REDUCED, "reduction")](scores)


def _by_label(
    predictions: Predictions, measure: Callable[[torch.Tensor], torch.Tensor], reduce: str
) -> Scores:
    logits = predictions.field("binary_logits")
    return row_by_row(logits, lambda block: _reduced(measure(block), reduce))


def _bernoulli_entropy(logits: torch.Tensor) -> torch.Tensor:
    """``log(1 + e^-|z|) + |z| sigmoid(-|z|)``, which loses no digits at either end."""
    import torch

    size = logits.abs()
    return torch.nn.functional.softplus(-size) + size * (-size).sigmoid()


def _binary_disagreement(logits: torch.Tensor) -> torch.Tensor:
    import torch

    log_p, log_q = (torch.nn.functional.logsigmoid(each) for each in (logits, -logits))
    passes = math.log(logits.shape[1])
    mean = torch.stack([log_p.logsumexp(1) - passes, log_q.logsumexp(1) - passes], -1)
    return (entropy_of(mean) - _bernoulli_entropy(logits).mean(1)).clamp_min(0)
