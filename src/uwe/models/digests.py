"""Digests that tell whether the weights of a network, or a text, are still the same."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

__all__ = ["state_digest", "text_digest"]

_BYTES = 16


def state_digest(model: torch.nn.Module) -> str:
    """A digest of a network's weights and buffers, in the order of their names.

    One tensor after another is read, where it is in memory; no copy of the network is made.
    """
    digest = hashlib.blake2b(digest_size=_BYTES)
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {_kind(value)} ".encode())
        digest.update(_content(value))
    return digest.hexdigest()


def text_digest(text: str) -> str:
    """A digest of a text.

    >>> len(text_digest("a"))
    32
    """
    return hashlib.blake2b(text.encode(), digest_size=_BYTES).hexdigest()


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype} {tuple(value.shape)}"
    return type(value).__name__


def _content(value: Any) -> Any:
    """The bytes of a tensor; of anything else what it prints."""
    try:
        return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
    except (AttributeError, RuntimeError, TypeError, NotImplementedError):  # sparse, or no tensor
        return repr(value).encode()
