"""Measures on logits that are divided by a temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uwe._types import Scores, is_real
from uwe.errors import InputError
from uwe.uncertainty._measure import Measure

if TYPE_CHECKING:
    from uwe.predictions import Predictions

__all__ = [
    "Tempered",
    "tempered",
]

_LOGITS = ("logits", "binary_logits")


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
    >>> from uwe.uncertainty import least_confident
    >>> halves = Predictions(torch.tensor([[0.0, 2 * math.log(3)]]), torch.zeros(1, 1))
    >>> tempered(least_confident, 2.0)(halves)
    tensor([0.2500], dtype=torch.float64)
    """
    if not is_real(temperature) or not 0 < temperature < math.inf:
        raise InputError(f"a temperature must be a number above 0, not {temperature!r}")
    return measure if temperature == 1 else Tempered(measure, float(temperature))
