"""Outputs of a model at the places of an image, as measures and embeddings of the whole image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uwe._types import Rows, Scores
from uwe.dense import PLACE_MEASURES
from uwe.errors import require_known

if TYPE_CHECKING:
    from uwe.points import Points
    from uwe.predictions import Predictions
    from uwe.tasks._task import Array

__all__ = [
    "OBJECTNESS",
    "OBJECT_OUTPUTS",
    "PLACE_OUTPUTS",
    "PlaceEmbedding",
    "PlaceMeasure",
    "no_loss",
    "place_gradient",
    "place_measures",
    "weighted_places",
]

_WEIGHTED = "weighted_"
_GRADIENT = "gradient"
OBJECTNESS = "objectness"
"""The measure of places that a detector alone has."""

PLACE_OUTPUTS: Mapping[str, str] = {
    **dict.fromkeys(PLACE_MEASURES, "n"),
    **{_WEIGHTED + name: "n d" for name in PLACE_MEASURES},
    _GRADIENT: "n g",
}
"""Outputs of a model whose predictions are dense, and their axes.

The mean over places of each measure; the mean over places of ``u_p · f_p``, u being the measure and
f the features of a place; and the gradient of the last layer, the mean over places.
"""


OBJECT_OUTPUTS: Mapping[str, str] = {OBJECTNESS: "n", _WEIGHTED + OBJECTNESS: "n d"}
"""What a detector gives beside `PLACE_OUTPUTS`: how unsure it is that an object is there."""


@dataclass(frozen=True)
class PlaceMeasure:
    """An output of the model as the uncertainty of each image.

    Attributes:
        output: name of the output, ``[n]``.

    >>> import torch
    >>> from uwe import Predictions
    >>> PlaceMeasure("entropy")(Predictions(outputs={"entropy": torch.tensor([0.5, 0.25])}))
    tensor([0.5000, 0.2500], dtype=torch.float64)
    """

    output: str

    @property
    def __name__(self) -> str:
        """The name of the output."""
        return self.output

    @property
    def reads(self) -> frozenset[str]:
        """The output."""
        return frozenset({self.output})

    def __call__(self, predictions: Predictions, /) -> Scores:
        """The uncertainty of each image, float64 ``[n]``."""
        return predictions.field(self.output).double()


@dataclass(frozen=True)
class PlaceEmbedding:
    """An output of the model as the embedding of each image.

    Attributes:
        output: name of the output, ``[n, d]``.
    """

    output: str

    @property
    def __name__(self) -> str:
        """The name of the output."""
        return self.output

    @property
    def reads(self) -> frozenset[str]:
        """The output."""
        return frozenset({self.output})

    def __call__(self, predictions: Predictions, candidates: Rows) -> Points:  # noqa: ARG002
        """The points of all images."""
        from uwe.points import Dense

        return Dense(predictions.field(self.output))


place_gradient = PlaceEmbedding(_GRADIENT)
"""The gradient of the last layer, the mean over places."""


def weighted_places(measure: str) -> PlaceEmbedding:
    """The embedding of UWE: the features of the places, each times its uncertainty, on average.

    Formula: ``z = mean over p of u_p · f_p``.

    Args:
        measure: ``entropy``, ``margin`` or ``least_confident``; of a detector ``objectness``, too.

    Raises:
        InputError: the measure is unknown.

    >>> weighted_places("margin").reads
    frozenset({'weighted_margin'})
    """
    known = (*PLACE_MEASURES, OBJECTNESS)
    return PlaceEmbedding(_WEIGHTED + require_known(measure, known, "uncertainty"))


def place_measures(*others: str) -> dict[str, PlaceMeasure]:
    """The measures of a task by name: those of places, then ``others``.

    >>> list(place_measures("objectness"))
    ['entropy', 'margin', 'least_confident', 'objectness']
    """
    return {name: PlaceMeasure(name) for name in (*PLACE_MEASURES, *others)}


def no_loss(predictions: Predictions, targets: Array) -> float | None:  # noqa: ARG001 (a MeanLoss)
    """The mean loss where the outputs do not say how probable each target was: None."""
    return None
