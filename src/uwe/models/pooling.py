"""From one vector a token to one vector an item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from uwe.errors import InputError

__all__ = ["POOLINGS", "mean_of_tokens", "named_poolings", "pooled"]

Tokens = torch.Tensor  # [b, t, d]
Mask = torch.Tensor  # [b, t], 1 where there is a token and 0 where there is padding


def _mean(tokens: Tokens, mask: Mask) -> torch.Tensor:
    return (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)


def _mean_sqrt_len(tokens: Tokens, mask: Mask) -> torch.Tensor:
    return (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1).sqrt()


def _max(tokens: Tokens, mask: Mask) -> torch.Tensor:
    return tokens.masked_fill(mask[..., None] == 0, -torch.inf).amax(1)


def _weighted_mean(tokens: Tokens, mask: Mask) -> torch.Tensor:
    place = torch.arange(1, tokens.shape[1] + 1, device=tokens.device, dtype=mask.dtype)
    return _mean(tokens, mask * place)


def _first(tokens: Tokens, mask: Mask) -> torch.Tensor:
    return tokens[torch.arange(len(tokens), device=tokens.device), mask.argmax(1)]


def _last(tokens: Tokens, mask: Mask) -> torch.Tensor:
    last = mask.shape[1] - 1 - mask.flip(1).argmax(1)
    return tokens[torch.arange(len(tokens), device=tokens.device), last]


POOLINGS: Mapping[str, Callable[[Tokens, Mask], torch.Tensor]] = {
    "cls": _first,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len": _mean_sqrt_len,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}
"""The poolings of sentence-transformers, in the order in which it joins several."""


def pooled(modes: Sequence[str], tokens: Tokens, mask: Mask) -> torch.Tensor:
    """One vector an item: the poolings ``modes`` side by side.

    >>> tokens = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> mask = torch.tensor([[1, 1, 0]])
    >>> pooled(["cls", "max", "mean"], tokens, mask).tolist()
    [[1.0, 3.0, 2.0]]
    """
    weights = mask.to(tokens.dtype)
    return torch.cat([POOLINGS[mode](tokens, weights) for mode in modes], 1)


def mean_of_tokens(hidden: torch.Tensor, batch: Mapping[str, Any]) -> torch.Tensor:
    """The mean over the tokens that are no padding; vectors of whole items as they are.

    Args:
        hidden: ``[b, d]``, ``[b, t, d]``, or ``[b, c, h, w]`` of a network of convolutions.
        batch: with ``attention_mask``, where there is one.
    """
    if hidden.ndim == 2:
        return hidden
    if hidden.ndim == 4:
        return hidden.mean((2, 3))
    mask = batch.get("attention_mask")
    if mask is None or mask.shape != hidden.shape[:2]:
        return hidden.flatten(1, -2).mean(1)
    return pooled(["mean"], hidden, mask)


def named_poolings(config: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """The poolings that the configuration of a Pooling module names.

    Raises:
        InputError: it names none, or one that is not known.

    >>> named_poolings({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, "x")
    ('cls', 'mean')
    """
    given = config.get("pooling_mode")
    named = [given] if isinstance(given, str) else list(given or ())
    named += [key.removeprefix("pooling_mode_") for key, on in config.items()
              if key.startswith("pooling_mode_") and on is True]  # fmt: skip
    modes = {name.removesuffix("_tokens").removesuffix("_token") for name in named}
    unknown = sorted(modes - set(POOLINGS))
    if unknown or not modes:
        found = f"the pooling {unknown[0]!r}, which is not known" if unknown else "no pooling"
        raise InputError(f"{path} names {found}; the known ones are {', '.join(POOLINGS)}")
    return tuple(mode for mode in POOLINGS if mode in modes)
