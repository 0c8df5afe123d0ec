"""How large a network of a dense task is, and how wide its features are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import nn

from uwe.errors import InputError, told_of
from uwe.models.build import activation_bytes
from uwe.models.maps import Detector, Maps
from uwe.models.spec import ModelSize

__all__ = ["dense_size"]


class _Spec(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, int, int]: ...

    @property
    def task(self) -> str: ...

    @property
    def pretrained(self) -> bool: ...

    def build(self) -> nn.Module: ...


def dense_size(spec: _Spec) -> ModelSize:
    """Measure a network on one image of zeros.

    Raises:
        InputError: the network cannot be made, or fails on images of this shape.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = spec.build().eval()
    if not any(each.requires_grad for each in model.parameters()):
        raise InputError(f"model {spec.name} has no weights that can be trained")
    height, width, channels = spec.shape
    image = torch.zeros(1, channels, height, width)
    found: list[torch.Tensor] = []

    def run() -> None:
        found[:] = [_features(model, image, spec.task)]

    try:
        put_out = activation_bytes(model, run)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"model {spec.name} fails on images {height}x{width} of {channels} channels: "
            f"{told_of(error)}"
        ) from error
    state = model.state_dict()
    return ModelSize(
        sum(value.numel() * value.element_size() for value in state.values()),
        found[0].shape[1],
        put_out,
        pretrained=_fingerprint(state) if spec.pretrained else None,
        structure=_structure(state),
        dropout=False,
    )


def _features(model: nn.Module, image: torch.Tensor, task: str) -> torch.Tensor:
    """Features of one image, the second axis being their width."""
    if task == "segmentation":
        maps: Maps = model(image)
        return maps.features
    detector: Detector = model  # type: ignore[assignment]  # what the table of networks holds
    return detector.found(image).features.transpose(1, 2)


def _fingerprint(state: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, value in state.items():
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().data)
    return digest.hexdigest()


def _structure(state: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name, value in state.items():
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
    return digest.hexdigest()
