"""Encoders by name: a model of Hugging Face ``transformers``, or the user's own function."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from uwe._files import expanded
from uwe.dense import Reduction
from uwe.embedder.backbones import is_factory
from uwe.embedder.checkpoints import of_transformers
from uwe.embedder.efficientnet import efficientnet_lite0
from uwe.embedder.encoder import Encoder
from uwe.embedder.own import of_factory
from uwe.errors import InputError

__all__ = ["load_encoder"]

_BUILT_IN: Mapping[str, Callable[[str, torch.device], Encoder]] = {
    "efficientnet-lite0": efficientnet_lite0
}
"""Make an encoder of the kind of items and the device; the names are those of `BACKBONES`."""


def load_encoder(
    name: str, kind: str, *, device: torch.device, places: Mapping[str, Any] | None = None
) -> Encoder:
    """The encoder of that name.

    Args:
        name: of a built-in backbone; ``module:factory`` of one's own; or a name of the hub or a
            local folder.
        kind: of the items, ``images`` or ``texts``.
        device: where to compute.
        places: options of `uwe.dense.Reduction` for a model of segmentation or detection.

    Raises:
        InputError: it cannot be loaded, or an option of places does not fit.
    """
    made = _made(name, kind, device)
    if not places:
        return made
    Reduction(**places)
    told = json.dumps(places, sort_keys=True)
    return replace(made, places=places, identity={**made.identity, "places": told})


def _made(name: str, kind: str, device: torch.device) -> Encoder:
    if not name.strip():
        raise InputError("--model is empty; give a name of the hub, a folder, or module:factory")
    if name in _BUILT_IN:
        return _BUILT_IN[name](kind, device)
    if is_factory(name):
        return of_factory(name, kind, device)
    return of_transformers(str(expanded(name)) if name.startswith("~") else name, kind, device)
