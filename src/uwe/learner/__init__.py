"""Training a network, and one pass over rows that says all that is needed of them."""

from uwe.learner.hardware import (
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
from uwe.learner.recipes import RECIPES, Training, recipe_for
from uwe.learner.torch_learner import Epoch, Learner, TorchLearner
from uwe.learner.warm_start import shrink_and_perturb

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
