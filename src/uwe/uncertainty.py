"""How unsure a model is of each row; higher is more uncertain.

Every measure maps ``Predictions`` of n rows to float64 ``[n]``. All of them work from
log-probabilities in float64, shifted by the row's largest logit first: a probability of 0 is no
special case, rows that differ by 1e-12 in confidence still rank, and a constant that can be added
to the logits exactly changes nothing.

torch is imported when a measure is computed, so that their names are known without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from uwe._types import Scores
from uwe.errors import InputError

if TYPE_CHECKING:
    import torch

    from uwe.predictions import Predictions

__all__ = ["MEASURES", "Measure", "bvsb", "entropy", "least_confident", "mutual_information"]

_ROWS_AT_ONCE = 16_384


class Measure(Protocol):
    """The uncertainty of each row, float64 ``[n]``; any function of `Predictions` is one."""

    def __call__(self, predictions: Predictions, /) -> Scores:
        """The uncertainty of every row that the predictions hold."""
        ...


def entropy(predictions: Predictions) -> Scores:
    """Entropy of the class probabilities, in nats.

    Formula: ``H(p) = -Σ_c p_c log p_c``, from 0 to ``log c``.

    Source: Shannon (1948), A Mathematical Theory of Communication.

    >>> import torch
    >>> from uwe import Predictions
    >>> entropy(Predictions(torch.tensor([[0.0, 0.0], [0.0, -200.0]]), torch.zeros(2, 1)))
    tensor([6.9315e-01, 2.7678e-85], dtype=torch.float64)
    """
    return _row_by_row(predictions.logits, lambda logits: _entropy_of(_log_probs(logits)))


def bvsb(predictions: Predictions) -> Scores:
    """Best versus second best, as a ratio.

    Formula: ``p₂ / p₁``, the second largest probability over the largest, from 0 to 1.

    Source: Joshi, Porikli, Papanikolopoulos (2009), Multi-class active learning for image
    classification; there as a difference, here as the ratio of the paper's code.

    >>> import torch
    >>> from uwe import Predictions
    >>> bvsb(Predictions(torch.tensor([[0.0, 0.0], [0.0, -math.log(4)]]), torch.zeros(2, 1)))
    tensor([1.0000, 0.2500], dtype=torch.float64)
    """
    return _row_by_row(predictions.logits, _second_over_first)


def least_confident(predictions: Predictions) -> Scores:
    """How far the largest probability is from one.

    Formula: ``1 - max_c p_c``, from 0 to ``1 - 1/c``.

    Source: Lewis, Gale (1994), A sequential algorithm for training text classifiers.

    >>> import torch
    >>> from uwe import Predictions
    >>> least_confident(Predictions(torch.tensor([[0.0, math.log(3)]]), torch.zeros(1, 1)))
    tensor([0.2500], dtype=torch.float64)
    """
    return _row_by_row(predictions.logits, lambda logits: -_log_probs(logits).amax(1).expm1())


def mutual_information(predictions: Predictions) -> Scores:
    """What the dropout passes disagree on: information between label and weights, in nats.

    Formula: ``H(1/t Σ_t p_t) - 1/t Σ_t H(p_t)``, from 0 to ``log c``.

    Raises:
        InputError: the predictions hold no dropout passes.

    Source: Houlsby, Huszár, Ghahramani, Lengyel (2011), Bayesian active learning for
    classification and preference learning; with dropout, Gal, Islam, Ghahramani (2017).

    >>> import torch
    >>> from uwe import Predictions
    >>> passes = torch.tensor([[[0.0, 200.0]], [[200.0, 0.0]]])
    >>> mutual_information(Predictions(passes[0], torch.zeros(1, 1), passes))
    tensor([0.6931], dtype=torch.float64)
    """
    if predictions.mc_logits is None:
        raise InputError("mutual_information needs the logits of dropout passes; there are none")
    by_row = predictions.mc_logits.transpose(0, 1)  # [n, t, c]
    return _row_by_row(by_row, _disagreement)


MEASURES: dict[str, Measure] = {
    "entropy": entropy,
    "bvsb": bvsb,
    "least_confident": least_confident,
}
"""The measures that need one pass only, by name."""


def _row_by_row(logits: torch.Tensor, measure: Callable[[torch.Tensor], Scores]) -> Scores:
    """Apply ``measure`` to blocks of rows, so that the float64 copy stays small."""
    import torch

    if not len(logits):
        return torch.zeros(0, dtype=torch.float64)
    starts = range(0, len(logits), _ROWS_AT_ONCE)
    return torch.cat([measure(logits[at : at + _ROWS_AT_ONCE].double()) for at in starts])


def _log_probs(logits: torch.Tensor) -> torch.Tensor:
    shifted = logits - logits.amax(-1, keepdim=True)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


def _entropy_of(log_probs: torch.Tensor) -> torch.Tensor:
    import torch

    probs = log_probs.exp()
    return -torch.where(probs > 0, probs * log_probs, 0.0).sum(-1)


def _second_over_first(logits: torch.Tensor) -> Scores:
    if logits.shape[1] == 1:
        return logits.new_zeros(len(logits))
    first, second = logits.topk(2).values.unbind(1)
    return (second - first).exp()


def _disagreement(logits: torch.Tensor) -> Scores:
    log_probs = _log_probs(logits)  # [n, t, c]
    mean = log_probs.logsumexp(1) - math.log(logits.shape[1])
    return (_entropy_of(mean) - _entropy_of(log_probs).mean(1)).clamp_min(0)
