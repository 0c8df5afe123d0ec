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
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from uwe._arrays import rows_at_once
from uwe._types import Scores, is_real
from uwe.errors import InputError, from_own, require_known

if TYPE_CHECKING:
    import torch

    from uwe.predictions import Predictions

__all__ = [
    "MEASURES",
    "REDUCTIONS",
    "Measure",
    "binary_bvsb",
    "binary_entropy",
    "binary_least_confident",
    "binary_margin",
    "binary_mutual_information",
    "bvsb",
    "entropy",
    "least_confident",
    "margin",
    "measured",
    "mutual_information",
    "spread_of_means",
    "standard_deviation",
    "tempered",
]

_ROWS_AT_ONCE = 16_384
_LOGITS = ("logits", "binary_logits")


class Measure(Protocol):
    """The uncertainty of each row, float64 ``[n]``; any function of `Predictions` is one."""

    def __call__(self, predictions: Predictions, /) -> Scores:
        """The uncertainty of every row that the predictions hold."""
        ...


def measured(measure: Measure, predictions: Predictions) -> Scores:
    """What a measure gives, looked at: one number for each row.

    Raises:
        InputError: it gives something else.
        RunError: a measure that is not of uwe raises an error that is not of `uwe.errors`.

    >>> import torch
    >>> from uwe import Predictions
    >>> measured(lambda said: [0.5, 1.0], Predictions(torch.zeros(2, 2), torch.zeros(2, 1)))
    tensor([0.5000, 1.0000])
    """
    import torch

    name = getattr(measure, "__name__", type(measure).__name__).strip("<>")
    with from_own(measure, f"the uncertainty {name}"):
        given: Any = measure(predictions)
    n, scores = len(predictions), None
    with suppress(TypeError, ValueError, RuntimeError):
        scores = torch.as_tensor(given)
    if scores is None or scores.is_complex() or scores.shape != (n,):
        shape = None if scores is None or scores.is_complex() else tuple(scores.shape)
        it_gave = f"an object of type {type(given).__name__}"
        raise InputError(
            f"the uncertainty {name} must give one number for each of {n} rows; it gave "
            + (it_gave if shape is None else f"an array of shape {shape}")
        )
    return scores


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
    return _row_by_row(predictions.logits, _one_minus_margin)


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
    return _row_by_row(by_row, lambda logits: _reduced(_binary_disagreement(logits), reduce))


def standard_deviation(predictions: Predictions) -> Scores:
    """Standard deviation of the predicted number, in the target's unit.

    Formula: ``√variance``.

    Raises:
        InputError: the predictions hold no variance, or one is negative.

    Source: as a query, MacKay (1992), Information-based objective functions for active data
    selection.

    >>> import torch
    >>> from uwe import Predictions
    >>> outputs = {"mean": torch.zeros(2), "variance": torch.tensor([4.0, 0.25])}
    >>> standard_deviation(Predictions(outputs=outputs))
    tensor([2.0000, 0.5000], dtype=torch.float64)
    """
    if "variance" not in predictions.outputs:
        raise InputError(
            "the predictions hold no variance, so the uncertainty of a number is not known; use a "
            "model that gives one (a forest, a Gaussian process, an ensemble), or a strategy that "
            "needs none, such as coreset"
        )
    variance = predictions.outputs["variance"].double()
    wrong = (variance < 0).nonzero()
    if len(wrong):
        row = int(wrong[0, 0])
        raise InputError(f"the variance of row {row} is {float(variance[row]):.6g}, below 0")
    return variance.sqrt()


def spread_of_means(predictions: Predictions) -> Scores:
    """What stochastic passes disagree on about a number: the deviation of their means.

    Formula: ``√(1/t Σ_t (m_t - m̄)²)``, in the target's unit.

    Raises:
        InputError: the predictions hold no passes.

    Source: Seung, Opper, Sompolinsky (1992), Query by committee; for numbers, RayChaudhuri, Hamey
    (1995), Minimisation of data collection by active learning.

    >>> import torch
    >>> from uwe import Predictions
    >>> spread_of_means(Predictions(passes={"mean": torch.tensor([[1.0], [3.0]])}))
    tensor([1.], dtype=torch.float64)
    """
    return predictions.field("mc_mean").double().std(0, correction=0)


@dataclass(frozen=True)
class Tempered:
    """A measure on logits that are divided by a temperature; made by `tempered`.

    Attributes:
        measure: reads the divided logits.
        temperature: above 0; larger is less certain.
    """

    measure: Measure
    temperature: float

    @property
    def __name__(self) -> str:
        """The name of the measure."""
        return str(getattr(self.measure, "__name__", type(self.measure).__name__))

    def __call__(self, predictions: Predictions, /) -> Scores:
        """The uncertainty of each row, float64 ``[n]``.

        Raises:
            InputError: there are no logits.
        """
        divided = {
            name: predictions.field(name).double() / self.temperature
            for name in _LOGITS
            if name in predictions.outputs
        }
        if not divided:
            raise InputError(
                f"a temperature of {self.temperature:g} divides logits, and the predictions hold "
                "none; leave the temperature out"
            )
        return self.measure(predictions.having(**divided))


def tempered(measure: Measure, temperature: float) -> Measure:
    """A measure on logits that are divided by a temperature.

    Formula: ``softmax(z / T)``, or ``sigmoid(z / T)`` of binary logits, in the place of the
    probabilities; T = 1 changes nothing.

    Args:
        measure: of classification or of labels.
        temperature: T, above 0 and finite.

    Raises:
        InputError: the temperature is no number above 0.

    Source: Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks.

    >>> import torch
    >>> from uwe import Predictions
    >>> halves = Predictions(torch.tensor([[0.0, 2 * math.log(3)]]), torch.zeros(1, 1))
    >>> tempered(least_confident, 2.0)(halves)
    tensor([0.2500], dtype=torch.float64)
    """
    if not is_real(temperature) or not 0 < temperature < math.inf:
        raise InputError(f"a temperature must be a number above 0, not {temperature!r}")
    return measure if temperature == 1 else Tempered(measure, float(temperature))


MEASURES: dict[str, Measure] = {
    "entropy": entropy,
    "bvsb": bvsb,
    "least_confident": least_confident,
    "margin": margin,
}
"""The measures of classification that need one pass only, by name."""

_REDUCED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda scores: scores.mean(-1),
    "max": lambda scores: scores.amax(-1),
    "sum": lambda scores: scores.sum(-1),
}
REDUCTIONS = tuple(_REDUCED)
"""How a measure for each label becomes one for the row."""


def _reduced(scores: torch.Tensor, reduce: str) -> Scores:
    return _REDUCED[require_known(reduce, _REDUCED, "reduction")](scores)


def _by_label(
    predictions: Predictions, measure: Callable[[torch.Tensor], torch.Tensor], reduce: str
) -> Scores:
    logits = predictions.field("binary_logits")
    return _row_by_row(logits, lambda block: _reduced(measure(block), reduce))


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
    return (_entropy_of(mean) - _bernoulli_entropy(logits).mean(1)).clamp_min(0)


def _row_by_row(logits: torch.Tensor, measure: Callable[[torch.Tensor], Scores]) -> Scores:
    """Apply ``measure`` to blocks of rows, so that the float64 copy stays small."""
    import torch

    if not len(logits):
        return torch.zeros(0, dtype=torch.float64)
    rows = rows_at_once(logits[0].numel(), most=_ROWS_AT_ONCE)
    starts = range(0, len(logits), rows)
    return torch.cat([measure(logits[at : at + rows].double()) for at in starts])


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


def _one_minus_margin(logits: torch.Tensor) -> Scores:
    if logits.shape[1] == 1:
        return logits.new_zeros(len(logits))
    first, at = logits.max(1, keepdim=True)
    others = (logits - first).exp().scatter(1, at, 0.0)  # p_c / p₁
    rest = others.sum(1)
    return (rest + others.amax(1)) / (1 + rest)


def _disagreement(logits: torch.Tensor) -> Scores:
    log_probs = _log_probs(logits)  # [n, t, c]
    mean = log_probs.logsumexp(1) - math.log(logits.shape[1])
    return (_entropy_of(mean) - _entropy_of(log_probs).mean(1)).clamp_min(0)
