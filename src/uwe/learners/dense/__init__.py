"""Learners of dense tasks: networks with outputs for each place of an image.

Augmentation is batched tensor code of our own: mirror, zoom and crop are one affine map, which
are not worth another package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uwe._lazy import lazily

if TYPE_CHECKING:
    from uwe.learners.dense.learner import DenseLearner
    from uwe.learners.dense.recipes import DenseTraining, dense_training

__all__ = ["DenseLearner", "DenseTraining", "dense_training"]

__getattr__, __dir__ = lazily(
    __name__,
    {"learner": ["DenseLearner"], "recipes": ["DenseTraining", "dense_training"]},
)
