"""How unsure a model is of each row; higher is more uncertain.

Every measure maps ``Predictions`` of n rows to float64 ``[n]``. All of them work from
log-probabilities in float64, shifted by the row's largest logit first: a probability of 0 is no
special case, rows that differ by 1e-12 in confidence still rank, and a constant that can be added
to the logits exactly changes nothing.

torch is imported when a measure is computed, so that their names are known without it.
"""

from __future__ import annotations

from uwe.uncertainty._measure import Measure, measured
from uwe.uncertainty.classes import bvsb, entropy, least_confident, margin, mutual_information
from uwe.uncertainty.labels import (
    REDUCTIONS,
    binary_bvsb,
    binary_entropy,
    binary_least_confident,
    binary_margin,
    binary_mutual_information,
)
from uwe.uncertainty.numbers import spread_of_means, standard_deviation
from uwe.uncertainty.tempering import Tempered, tempered

__all__ = [
    "MEASURES",
    "REDUCTIONS",
    "Measure",
    "Tempered",
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

MEASURES: dict[str, Measure] = {
    "entropy": entropy,
    "bvsb": bvsb,
    "least_confident": least_confident,
    "margin": margin,
}
"""The measures of classification that need one pass only, by name."""
