"""The table of networks, and what a run says about the one it trains; torch is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from uwe.errors import InputError, require_known

if TYPE_CHECKING:
    from uwe.models.classifier import Network

__all__ = [
    "DINO",
    "DROPOUT",
    "ModelSize",
    "ModelSpec",
    "NetworkSpec",
    "describe_model",
    "model_names",
]

DINO = "facebook/dino-vits16"
DROPOUT = 0.2
_FINE_TUNE_LAYERS = 1


def _residual(layers: int, features: int) -> str:
    return f"residual network of {layers} layers, {features} features"


_LINES = {
    "small": "three convolutions, 128 features; for images of the size of digits",
    "resnet18": _residual(18, 512),
    "resnet34": _residual(34, 512),
    "resnet50": _residual(50, 2048),
    "resnet101": _residual(101, 2048),
    "resnet152": _residual(152, 2048),
    "vit": "DINO ViT-S/16, 768 features; needs the extra 'vit' and its weights",
}


@dataclass(frozen=True)
class ModelSize:
    """The size of a network, and fingerprints of what it starts from.

    Attributes:
        bytes: size of its weights.
        features: number of features.
        image_bytes: size of the outputs of all layers for one image or row.
        pretrained: fingerprint of pretrained weights; None if the weights are drawn.
        structure: fingerprint of the names and shapes of a network that is not built in.
        dropout: whether passes with dropout are possible.
    """

    bytes: int
    features: int
    image_bytes: int
    pretrained: str | None = None
    structure: str | None = None
    dropout: bool = True


class NetworkSpec(Protocol):
    """A recipe for a network: its name, and how to build and measure it."""

    @property
    def name(self) -> str:
        """Name of the network."""
        ...

    @property
    def classes(self) -> int:
        """Number of classes."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image, or the shape of a row."""
        ...

    def build(self) -> Network:
        """Make a network with fresh weights, drawn from torch's own generator."""
        ...

    def size(self) -> ModelSize:
        """Measure the network, and check that it can be trained."""
        ...

    def record(self, size: ModelSize) -> Mapping[str, Any]:
        """The network's settings for the record of a run."""
        ...


@dataclass(frozen=True)
class ModelSpec:
    """A built-in network.

    Attributes:
        name: one of `model_names`.
        classes: number of classes.
        image_shape: height, width and channels.
        dropout: rate before the head; None is the model's own (0; for ``vit`` 0.2).
        fine_tune_layers: ``vit`` only: n > 0 trains the LayerNorms of the last n blocks, 0 all.
        vit_weights: ``vit`` only: hub name or local folder.
    """

    name: str
    classes: int
    image_shape: tuple[int, int, int]
    dropout: float | None = None
    fine_tune_layers: int | None = None
    vit_weights: str | None = None

    def __post_init__(self) -> None:
        require_known(self.name, _LINES, "model")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise InputError(f"--dropout is {self.dropout}; it must be at least 0 and below 1")
        if self.fine_tune_layers is not None and self.fine_tune_layers < 0:
            raise InputError(f"--fine-tune-layers is {self.fine_tune_layers}; it must be 0 or more")
        for option in ("fine_tune_layers", "vit_weights"):
            if getattr(self, option) is not None and self.name != "vit":
                flag = "--" + option.replace("_", "-")
                raise InputError(f"model {self.name} does not use {flag}; leave it out")

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels."""
        return self.image_shape

    @property
    def rate(self) -> float:
        """Dropout rate while training."""
        own = DROPOUT if self.name == "vit" else 0.0
        return own if self.dropout is None else self.dropout

    @property
    def tuned_layers(self) -> int | None:
        """Number of blocks whose LayerNorms are trained; None for other networks."""
        if self.name != "vit":
            return None
        return _FINE_TUNE_LAYERS if self.fine_tune_layers is None else self.fine_tune_layers

    @property
    def weights(self) -> str | None:
        """Source of pretrained weights; None for other networks."""
        return (self.vit_weights or DINO) if self.name == "vit" else None

    def build(self) -> Network:
        """Make the network."""
        from uwe.models.build import build_model  # loads torch

        return build_model(self)

    def size(self) -> ModelSize:
        """Measure the network."""
        from uwe.models.build import model_size  # loads torch

        return model_size(self)

    def record(self, size: ModelSize) -> Mapping[str, Any]:
        """The network's settings for the record of a run."""
        from uwe.models.convolutions import convolution_settings  # loads torch

        return {
            "model": self.name,
            "dropout": self.rate,
            "fine-tuned layers": self.tuned_layers,
            "pretrained weights": self.weights and f"{self.weights} {size.pretrained}",
            **convolution_settings(),
        }


def model_names() -> list[str]:
    """Names of the built-in networks."""
    return list(_LINES)


def describe_model(name: str) -> str:
    """One line about a built-in network."""
    return _LINES[name]
