"""How unsure a model is of the class of each row, from its logits or those of its passes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from uwe._types import Scores
from uwe.errors import InputError
from uwe.uncertainty._rows import entropy_of, log_probs, row_by_row

if TYPE_CHECKING:
    import torch

    from uwe.predictions import Predictions

__all__ = [
    "bvsb",
    "entropy",
    "least_confident",
    "margin",
    "mutual_information",
]


def entropy(predictions: Predictions) -> Scores:
    """Entropy of the class probabilities, in nats.

    Formula: ``H(p) = -Σ_c p_c log p_c``, from 0 to ``log c``.

    Source: Shannon (1948), A Mathematical Theory of Communication.

    >>> import torch
    >>> from uwe import Predictions
    >>> entropy(Predictions(torch.tensor([[0.0, 0.0], [0.0, -200.0]]), torch.zeros(2, 1)))
    tensor([6.9315e-01, 2.7678e-85], dtype=torch.float64)
    """
    return row_by_row(predictions.logits, lambda logits: entropy_of(log_probs(logits)))


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
    return row_by_row(predictions.logits, _second_over_first)


def least_confident(predictions: Predictions) -> Scores:
    """How far the largest probability is from one.

    Formula: ``1 - max_c p_c``, from 0 to ``1 - 1/c``.

    Source: Lewis, Gale (1994), A sequential algorithm for training text classifiers.

    >>> import torch
    >>> from uwe import Predictions
    >>> least_confident(Predictions(torch.tensor([[0.0, math.log(3)]]), torch.zeros(1, 1)))
    tensor([0.2500], dtype=torch.float64)
    """
    return row_by_row(predictions.logits, lambda logits: -log_probs(logits).amax(1).expm1())


def margin(predictions: Predictions) -> Scores:
    """How little the two most probable classes are apart.

    Formula: ``1 - (p₁ - p₂)``, with the largest and the second largest probability, from 0 to 1.
    It is summed as ``Σ_{c ≠ 1} p_c + p₂``, which loses no digits where p₁ is near 1.

    Source: Scheffer, Decomain, Wrobel (2001), Active hidden Markov models for information
    extraction.

    >>> import torch
    >>> from uwe import Predictions
    >>> rows = torch.tensor([[0.0, 0.0], [math.log(3), 0.0], [0.0, -200.0]])
    >>> margin(Predictions(rows, torch.zeros(3, 1)))
    tensor([1.0000e+00, 5.0000e-01, 2.7678e-87], dtype=torch.float64)
    """
    return row_by_row(predictions.logits, _one_minus_margin)


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
    return row_by_row(by_row, _disagreement)


def _second_over_first(logits: torch.Tensor) -> Scores:
    if logits.shape[1] == 1:
        return logits.new_zeros(len(logits))
    first, second = logits.topk(2).values.unbind(1)
    return (second - first).exp()


def _one_minus_margin(logits: torch.Tensor) -> Scores:
    if logits.shape[1] == 1:
        return logits.new_zeros(len(logits))
    first, at = logits.max(1, keepdim=True)
    others = (logits - first).exp().scatter(1, at, 0.0)  # p_c / p₁
    rest = others.sum(1)
    return (rest + others.amax(1)) / (1 + rest)


def _disagreement(logits: torch.Tensor) -> Scores:
    by_pass = log_probs(logits)  # [n, t, c]
    mean = by_pass.logsumexp(1) - math.log(logits.shape[1])
    return (entropy_of(mean) - entropy_of(by_pass).mean(1)).clamp_min(0)
