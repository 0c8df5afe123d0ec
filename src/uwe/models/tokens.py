"""Tokenizers of ``transformers``: padding, the longest text, and texts that are longer."""

from __future__ import annotations

import json
from typing import Any

import torch

from uwe.errors import InputError

__all__ = ["longest", "require_padding", "tokenizer_text", "too_long", "without_tokens"]

_NO_LIMIT = 10**9  # a tokenizer without a limit says 10**30


def require_padding(tokenizer: Any, model: Any) -> None:
    """Let a tokenizer without padding use the end of a text, which the mask then hides."""
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise InputError(
                f"the tokenizer {tokenizer.name_or_path} has no token for padding and none for the "
                "end of a text; set its pad_token"
            )
        tokenizer.pad_token = tokenizer.eos_token
    if getattr(model.config, "pad_token_id", None) is None:
        model.config.pad_token_id = tokenizer.pad_token_id


def longest(tokenizer: Any, model: Any, told: int | None) -> int | None:
    """Tokens that a model takes; None where nothing limits them."""
    limits = [told, tokenizer.model_max_length, *_positions(model)]
    known = [int(limit) for limit in limits if limit is not None and 0 < limit < _NO_LIMIT]
    return min(known, default=None)


def _positions(model: Any) -> list[int | None]:
    """Positions that a model knows; RoBERTa and its like keep the first ones for themselves."""
    learnt = [
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for name, module in model.named_modules()
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding)
    ]
    return [getattr(model.config, "max_position_embeddings", None), *learnt]


def too_long(tokenizer: Any, texts: list[str], limit: int) -> int:
    """How many texts have more tokens than ``limit``; a token is at least one byte."""
    special = tokenizer.num_special_tokens_to_add()
    suspects = [text for text in texts if len(text.encode(errors="replace")) + special > limit]
    if not suspects:
        return 0
    tokens = tokenizer(suspects, truncation=False, padding=False, verbose=False)["input_ids"]
    return sum(len(each) > limit for each in tokens)


def without_tokens(tokens: Any) -> int | None:
    """The first row of a batch of tokens that has none; None where every row has one."""
    mask = tokens["attention_mask"]
    lengths = mask.sum(1) if mask.shape[1] else torch.zeros(len(mask))
    empty = (lengths == 0).nonzero()
    return int(empty[0, 0]) if len(empty) else None


def tokenizer_text(tokenizer: Any) -> str:
    """All that decides how a tokenizer divides texts, as text for a digest."""
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if hasattr(backend, "to_str"):
        return str(backend.to_str())
    return json.dumps(sorted(tokenizer.get_vocab().items()))
