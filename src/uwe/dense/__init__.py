"""Dense outputs, one for each place of an image: how unsure a model is of each place.

A place is a pixel of a map, or a detected object.
"""

from __future__ import annotations

from uwe.dense.measures import PLACE_MEASURES, place_uncertainty

__all__ = ["PLACE_MEASURES", "place_uncertainty"]
