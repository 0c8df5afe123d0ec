"""Networks that return (logits, features), by name."""

from uwe.models.build import (
    ModelSize,
    ModelSpec,
    build_model,
    describe_model,
    model_names,
    model_size,
)
from uwe.models.classifier import FALLBACK_RATE, Classifier
from uwe.models.folded import folded

__all__ = [
    "FALLBACK_RATE",
    "Classifier",
    "ModelSize",
    "ModelSpec",
    "build_model",
    "describe_model",
    "folded",
    "model_names",
    "model_size",
]
