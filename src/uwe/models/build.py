"""How to build each built-in network for a kind of image, and how large it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch

from uwe.errors import InputError
from uwe.models.classifier import Classifier, LinearHead
from uwe.models.resnet import BLOCKS, ResNetBody
from uwe.models.small import SmallBody
from uwe.models.spec import DINO, ModelSize, ModelSpec
from uwe.models.vit import VitBody, VitHead, load_vit

__all__ = ["activation_bytes", "build_model", "model_size"]


def build_model(spec: ModelSpec) -> Classifier:
    """A network with fresh weights (``vit``: pretrained ones), drawn from torch's own generator.

    Raises:
        InputError: the images do not fit the model, or its weights cannot be had.

    >>> model = build_model(ModelSpec("small", classes=10, image_shape=(8, 8, 1)))
    >>> logits, features = model(torch.zeros(2, 1, 8, 8))
    >>> tuple(logits.shape), tuple(features.shape)
    ((2, 10), (2, 128))
    """
    return _BUILDERS[spec.name](spec)


def model_size(spec: ModelSpec) -> ModelSize:
    """Measure a built-in network; its weights are not made, but pretrained ones must be there.

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


def activation_bytes(network: torch.nn.Module, forward: Callable[[], object]) -> int:
    """Size of the outputs of all layers of ``network`` while ``forward`` runs."""
    sizes: list[int] = []

    def note(_module: torch.nn.Module, _given: object, out: object) -> None:
        if isinstance(out, torch.Tensor):
            sizes.append(out.numel() * out.element_size())

    hooks = [each.register_forward_hook(note) for each in network.modules()]
    with torch.inference_mode():
        forward()
    for hook in hooks:
        hook.remove()
    return sum(sizes)


def _image_bytes(model: Classifier, image_shape: tuple[int, int, int]) -> int:
    height, width, channels = image_shape
    image = torch.zeros(1, channels, height, width, device=model.head.linear.weight.device)
    body = model.eval().body
    return activation_bytes(model, lambda: body(image))


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

_BUILDERS: dict[str, Callable[[ModelSpec], Classifier]] = {
    "small": _small,
    **dict.fromkeys(BLOCKS, _resnet),
    "vit": _vit,
}
