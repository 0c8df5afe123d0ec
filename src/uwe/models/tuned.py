"""Pretrained networks that are fine-tuned, and linear heads on frozen features, as recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from uwe.models.bodies import TextBody, image_body, text_body
from uwe.models.build import activation_bytes
from uwe.models.classifier import Classifier, FineTuned, LinearHead
from uwe.models.digests import state_digest
from uwe.models.spec import ModelSize

__all__ = ["HeadSpec", "ImageSpec", "Standardised", "TextSpec"]

_ROUNDING = 1e-6
_OUTPUTS_A_TOKEN = 16  # of a transformer's layer, in widths: attention and the wide part


@dataclass(frozen=True)
class TextSpec:
    """An encoder of texts of ``transformers`` with a linear head.

    Attributes:
        name: ``hf:`` and a name of the hub or a local folder.
        classes: outputs of the head.
        pooling: ``mean`` or ``cls``.
        max_length: tokens that are read of a text.
        dropout: rate before the head while training.
    """

    name: str
    classes: int
    pooling: str
    max_length: int
    dropout: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Tokens of the longest text."""
        return (self.max_length,)

    def build(self) -> FineTuned:
        """The pretrained body with a head that is drawn from torch's own generator."""
        body = text_body(self.name.removeprefix("hf:"), self.pooling)
        return FineTuned(body, LinearHead(body.width, self.classes), dropout=self.dropout)

    def size(self) -> ModelSize:
        """Measure the network."""
        model = self.build()
        assert isinstance(model.body, TextBody)
        config: Any = model.body.encoder.config
        layers = int(getattr(config, "num_hidden_layers", 12))
        numbers = self.max_length * model.body.width * layers * _OUTPUTS_A_TOKEN
        return _size_of(model, model.body.width, 4 * numbers)

    def record(self, size: ModelSize) -> Mapping[str, Any]:
        """The network's settings for the record of a run."""
        return {
            **_record_of(self.name, self.dropout, size),
            "pooling": self.pooling,
            "max_length": self.max_length,
        }


@dataclass(frozen=True)
class ImageSpec:
    """A pretrained network for images with a linear head.

    Attributes:
        name: ``hf:`` and a name of the hub or a local folder; or ``efficientnet-lite0``.
        classes: outputs of the head.
        image_shape: height, width and channels.
        dropout: rate before the head while training.
    """

    name: str
    classes: int
    image_shape: tuple[int, int, int]
    dropout: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels."""
        return self.image_shape

    def build(self) -> FineTuned:
        """The pretrained body with a head that is drawn from torch's own generator."""
        body, width = image_body(self.name, self.image_shape)
        return FineTuned(body, LinearHead(width, self.classes), dropout=self.dropout)

    def size(self) -> ModelSize:
        """Measure the network."""
        model = self.build().eval()
        height, width, channels = self.image_shape
        image = torch.zeros(1, channels, height, width)
        numbers = activation_bytes(model, lambda: model.body(image))
        return _size_of(model, model.head.linear.in_features, numbers)

    def record(self, size: ModelSize) -> Mapping[str, Any]:
        """The network's settings for the record of a run."""
        return _record_of(self.name, self.dropout, size)


class Standardised(nn.Module):
    """Features, centred and divided by one number, so that one learning rate serves every body.

    Columns are not divided by deviations of their own: over few rows, these would blow up the
    columns that say least.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(()))

    def measure(self, features: torch.Tensor) -> None:
        """Take the mean of features ``[n, d]``, and the root of their mean variance."""
        self.mean.copy_(features.mean(0))
        deviation = (features - features.mean(0)).square().mean().sqrt()
        rounding = _ROUNDING * features.abs().max()  # equal rows differ from their mean by as much
        self.deviation.copy_(deviation if deviation > rounding else torch.ones(()))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features ``[b, d]`` to ``(features - mean) / deviation``."""
        return (features - self.mean) / self.deviation


@dataclass(frozen=True)
class HeadSpec:
    """A linear head on the features of a frozen body.

    Attributes:
        body: the recipe of the network whose body gives the features.
        width: number of features.
        pretrained: digest of the body.
        dropout: rate before the head while training.
    """

    body: TextSpec | ImageSpec
    width: int
    pretrained: str
    dropout: float

    @property
    def name(self) -> str:
        """Name of the whole network."""
        return self.body.name

    @property
    def classes(self) -> int:
        """Outputs of the head."""
        return self.body.classes

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a row of features."""
        return (self.width,)

    def build(self) -> Classifier:
        """The head, drawn from torch's own generator."""
        head = LinearHead(self.width, self.classes)
        return Classifier(Standardised(self.width), head, dropout=self.dropout)

    def size(self) -> ModelSize:
        """Measure the head."""
        numbers = 4 * (self.width + self.classes)
        return ModelSize(
            4 * (self.width + 1) * (self.classes + 1), self.width, numbers, self.pretrained
        )

    def record(self, size: ModelSize) -> Mapping[str, Any]:
        """The network's settings for the record of a run."""
        return {**self.body.record(size), "dropout": self.dropout, "frozen": True}


def _size_of(model: FineTuned, features: int, activations: int) -> ModelSize:
    size = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    return ModelSize(size, features, activations, state_digest(model.body))


def _record_of(name: str, dropout: float, size: ModelSize) -> dict[str, Any]:
    return {"model": name, "dropout": dropout, "pretrained weights": size.pretrained}
