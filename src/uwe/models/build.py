"""The table of models: a name, and how to build the network for a kind of image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch

from uwe.errors import InputError, require_known
from uwe.models.classifier import Classifier, LinearHead
from uwe.models.resnet import BLOCKS, ResNetBody
from uwe.models.small import SmallBody
from uwe.models.vit import DINO, DROPOUT, VitBody, VitHead, load_vit

__all__ = ["ModelSize", "ModelSpec", "build_model", "describe_model", "model_names", "model_size"]


@dataclass(frozen=True)
class ModelSpec:
    """What a network has to be like.

    Attributes:
        name: one of `model_names`.
        classes: how many it tells apart.
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
        require_known(self.name, _TABLE, "model")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise InputError(f"--dropout is {self.dropout}; it must be at least 0 and below 1")
        if self.fine_tune_layers is not None and self.fine_tune_layers < 0:
            raise InputError(f"--fine-tune-layers is {self.fine_tune_layers}; it must be 0 or more")
        for option in ("fine_tune_layers", "vit_weights"):
            if getattr(self, option) is not None and self.name != "vit":
                flag = "--" + option.replace("_", "-")
                raise InputError(f"model {self.name} does not use {flag}; leave it out")

    @property
    def rate(self) -> float:
        """Dropout rate while training."""
        own = DROPOUT if self.name == "vit" else 0.0
        return own if self.dropout is None else self.dropout

    @property
    def tuned_layers(self) -> int | None:
        """How many blocks' LayerNorms are trained; None where that is no question."""
        if self.name != "vit":
            return None
        return _FINE_TUNE_LAYERS if self.fine_tune_layers is None else self.fine_tune_layers

    @property
    def weights(self) -> str | None:
        """Where pretrained weights come from; None where there are none."""
        return (self.vit_weights or DINO) if self.name == "vit" else None


def build_model(spec: ModelSpec) -> Classifier:
    """A network with fresh weights (``vit``: pretrained ones), drawn from torch's own generator.

    Raises:
        InputError: the images do not fit the model, or its weights cannot be had.

    >>> model = build_model(ModelSpec("small", classes=10, image_shape=(8, 8, 1)))
    >>> logits, features = model(torch.zeros(2, 1, 8, 8))
    >>> tuple(logits.shape), tuple(features.shape)
    ((2, 10), (2, 128))
    """
    return _TABLE[spec.name][0](spec)


def model_names() -> list[str]:
    """Names of all models."""
    return list(_TABLE)


def describe_model(name: str) -> str:
    """One line about a model."""
    return _TABLE[name][1]


@dataclass(frozen=True)
class ModelSize:
    """How large a network is.

    Attributes:
        bytes: of its weights.
        features: how many there are.
        image_bytes: of what all its layers put out for one image.
        pretrained: a fingerprint of the weights it starts from; None where these are drawn.
    """

    bytes: int
    features: int
    image_bytes: int
    pretrained: str | None = None


def model_size(spec: ModelSpec) -> ModelSize:
    """How large the network is; its weights are not made, but pretrained ones must be there.

    Raises:
        InputError: the images do not fit the model, or its weights cannot be had.
    """
    with torch.device("meta" if spec.weights is None else "cpu"):
        model = build_model(spec)
    size = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    pretrained = None if spec.weights is None else _fingerprint(model.body)
    return ModelSize(
        size, model.head.linear.in_features, _image_bytes(model, spec.image_shape), pretrained
    )


def _image_bytes(model: Classifier, image_shape: tuple[int, int, int]) -> int:
    """Bytes that leave the layers when one image goes through."""
    height, width, channels = image_shape
    sizes: list[int] = []

    def note(_module: torch.nn.Module, _given: object, out: object) -> None:
        if isinstance(out, torch.Tensor):
            sizes.append(out.numel() * out.element_size())

    hooks = [each.register_forward_hook(note) for each in model.modules()]
    image = torch.zeros(1, channels, height, width, device=model.head.linear.weight.device)
    with torch.inference_mode():
        model.eval().body(image)
    for hook in hooks:
        hook.remove()
    return sum(sizes)


def _fingerprint(module: torch.nn.Module) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, value in module.state_dict().items():
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().data)
    return digest.hexdigest()


def _resnet(spec: ModelSpec) -> Classifier:
    height, width, channels = spec.image_shape
    body = ResNetBody(spec.name, channels=channels, side=min(height, width))
    return _with_linear_head(spec, body, body.width)


def _small(spec: ModelSpec) -> Classifier:
    height, width, channels = spec.image_shape
    body = SmallBody(channels=channels, height=height, width=width)
    return _with_linear_head(spec, body, body.width)


def _vit(spec: ModelSpec) -> Classifier:
    height, width, channels = spec.image_shape
    if min(height, width) < _PATCH:
        raise InputError(
            f"images of {height}x{width} are too small for model 'vit' ({_PATCH}x{_PATCH} at "
            "least); give --image-size N"
        )
    body = VitBody(
        load_vit(spec.weights or DINO), channels=channels, fine_tune_layers=spec.tuned_layers or 0
    )
    return Classifier(body, VitHead(body.width, spec.classes), dropout=spec.rate)


def _with_linear_head(spec: ModelSpec, body: torch.nn.Module, width: int) -> Classifier:
    return Classifier(body, LinearHead(width, spec.classes), dropout=spec.rate)


_PATCH = 16
_FINE_TUNE_LAYERS = 1

_TABLE: dict[str, tuple[Callable[[ModelSpec], Classifier], str]] = {
    "small": (_small, "three convolutions, 128 features; for images of the size of digits"),
    **{
        name: (
            _resnet,
            f"residual network of {name.removeprefix('resnet')} layers, "
            f"{2048 if kind == 'bottleneck' else 512} features",
        )
        for name, (kind, _) in BLOCKS.items()
    },
    "vit": (_vit, "DINO ViT-S/16, 768 features; needs the extra 'vit' and its weights"),
}
