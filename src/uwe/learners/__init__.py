"""Training a network, and one pass over rows that says all that is needed of them."""

from uwe.learners.hardware import (
    PRECISIONS,
    fitted_batch,
    give_back_memory,
    has_bf16,
    is_out_of_memory,
    keep_freed_memory,
    peak_memory_mb,
    resolve_device,
    resolve_precision,
)
from uwe.learners.recipes import RECIPES, Training, recipe_for
from uwe.learners.torch import Epoch, Learner, TorchLearner
from uwe.learners.warm_start import shrink_and_perturb

__all__ = [
    "PRECISIONS",
    "RECIPES",
    "Epoch",
    "Learner",
    "TorchLearner",
    "Training",
    "fitted_batch",
    "give_back_memory",
    "has_bf16",
    "is_out_of_memory",
    "keep_freed_memory",
    "peak_memory_mb",
    "recipe_for",
    "resolve_device",
    "resolve_precision",
    "shrink_and_perturb",
]
