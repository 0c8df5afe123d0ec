"""Networks that return (logits, features): the built-in ones by name, and your own."""

from typing import TYPE_CHECKING

from uwe._lazy import lazily

if TYPE_CHECKING:
    from uwe.models.build import build_model, model_size
    from uwe.models.classifier import FALLBACK_RATE, Classifier, Network
    from uwe.models.factory import Factory
    from uwe.models.folding import folded
    from uwe.models.own import OwnNetwork, OwnSpec
    from uwe.models.spec import ModelSize, ModelSpec, NetworkSpec, describe_model, model_names

__all__ = [
    "FALLBACK_RATE",
    "Classifier",
    "Factory",
    "ModelSize",
    "ModelSpec",
    "Network",
    "NetworkSpec",
    "OwnNetwork",
    "OwnSpec",
    "build_model",
    "describe_model",
    "folded",
    "model_names",
    "model_size",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "build": ["build_model", "model_size"],
        "classifier": ["FALLBACK_RATE", "Classifier", "Network"],
        "factory": ["Factory"],
        "folding": ["folded"],
        "own": ["OwnNetwork", "OwnSpec"],
        "spec": ["ModelSize", "ModelSpec", "NetworkSpec", "describe_model", "model_names"],
    },
)
