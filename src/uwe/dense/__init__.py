"""Dense outputs, one for each place of an image: how unsure a model is of each place.

A place is a pixel of a map, a cell of a map of features, or a detected object. `Reduction` makes
one row of a pool of all places of an image.
"""

from __future__ import annotations

from uwe.dense.cells import cell_means
from uwe.dense.measures import PLACE_MEASURES, objectness_uncertainty, place_uncertainty
from uwe.dense.reduction import MEASURES, Reduced, Reduction
from uwe.dense.weights import REDUCTIONS

__all__ = [
    "MEASURES",
    "PLACE_MEASURES",
    "REDUCTIONS",
    "Reduced",
    "Reduction",
    "cell_means",
    "objectness_uncertainty",
    "place_uncertainty",
]
