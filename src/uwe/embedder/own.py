"""The user's own model: what ``module:factory`` gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from uwe._plugins import own_module
from uwe.embedder.digests import state_digest
from uwe.embedder.encoder import Encoder
from uwe.errors import DataError, InputError, from_user

__all__ = ["of_factory", "stacked"]


def of_factory(name: str, kind: str, device: torch.device) -> Encoder:
    """``factory()`` gives what takes images ``[b, 3, h, w]`` in 0..1, or a list of texts.

    Raises:
        InputError: it cannot be imported, fails, or gives nothing that can be called.
    """
    model = _made(name)
    if not isinstance(model, torch.nn.Module):
        return Encoder(name, _encode(model, kind, device))
    model = model.to(device).eval()
    weights = next(iter(model.parameters()), None)
    kept = {} if weights is None else {"dtype": str(weights.dtype)}
    identity = {**kept, "weights": state_digest(model)}
    return Encoder(name, _encode(model, kind, device), identity=identity)


def _made(name: str) -> Any:
    module, _, factory = name.partition(":")
    make = getattr(own_module(module, f"model {name}"), factory, None)
    if make is None:
        raise InputError(f"model {name}: {module} has no {factory!r}")
    if not callable(make):
        raise InputError(
            f"{name} is of type {type(make).__name__}; it must be a function or a class that makes "
            "a model"
        )
    with from_user(f"{name}()", InputError):
        model = make()
    if not callable(model):
        raise InputError(
            f"{name}() gave {type(model).__name__}; it must give a function of a batch of items"
        )
    return model


def _encode(model: Any, kind: str, device: torch.device) -> Callable[[list[Any]], Any]:
    prepare: dict[str, Callable[[list[Any]], Any]] = {
        "images": lambda items: (stacked(items) / 255).to(device),
        "texts": lambda items: items,
    }
    return lambda items: model(prepare[kind](items))


def stacked(images: Sequence[np.ndarray[Any, Any]]) -> torch.Tensor:
    """Images uint8 ``[h, w, 3]`` of one size as floats ``[b, 3, h, w]`` in 0..255.

    Raises:
        DataError: they differ in size.
    """
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        first, other, *_ = sorted(shapes)
        raise DataError(
            f"images differ in size ({first[1]}x{first[0]} and {other[1]}x{other[0]}); give "
            "--image-size N to make them equal"
        )
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
