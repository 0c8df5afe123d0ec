"""Encoders by name: a model of Hugging Face ``transformers``, or the user's own function."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from uwe._files import expanded
from uwe.embedder.checkpoints import of_transformers
from uwe.embedder.encoder import Encoder
from uwe.embedder.own import of_factory
from uwe.errors import InputError

__all__ = ["load_encoder"]

_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def load_encoder(name: str, kind: str, *, device: torch.device) -> Encoder:
    """The encoder of that name.

    Args:
        name: ``module:factory`` of one's own, or a name of the hub or a local folder.
        kind: of the items, ``images`` or ``texts``.
        device: where to compute.

    Raises:
        InputError: it cannot be loaded.
    """
    if not name.strip():
        raise InputError("--model is empty; give a name of the hub, a folder, or module:factory")
    if _FACTORY.fullmatch(name) and not Path(name).exists():
        return of_factory(name, kind, device)
    return of_transformers(str(expanded(name)) if name.startswith("~") else name, kind, device)
