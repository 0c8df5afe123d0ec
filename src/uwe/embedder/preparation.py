"""How images and texts become a batch of a model of ``transformers``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from uwe.embedder.digests import json_digest
from uwe.embedder.sentences import SentenceSettings
from uwe.errors import DataError, InputError

__all__ = ["PREPARATIONS", "Preparation"]

_NO_LIMIT = 10**9  # a tokenizer without a limit says 10**30
_SHOWN = 60  # letters of a text in an error


@dataclass(frozen=True)
class Preparation:
    """How items become a batch.

    Attributes:
        batch: the map.
        digest: of the files that decide it.
        cut: how many of some items are longer than the model takes.
        limit: tokens that it takes of a text.
    """

    batch: Callable[[list[Any]], Any]
    digest: str
    cut: Callable[[list[Any]], int] = lambda _: 0
    limit: int | None = None


def _images(
    transformers: Any, place: Mapping[str, Any], model: Any, settings: SentenceSettings | None
) -> Preparation:
    del model, settings
    processor = transformers.AutoImageProcessor.from_pretrained(**place)
    told = json_digest(processor.to_json_string())
    return Preparation(lambda items: processor(images=items, return_tensors="pt"), told)


def _texts(
    transformers: Any, place: Mapping[str, Any], model: Any, settings: SentenceSettings | None
) -> Preparation:
    tokenizer = transformers.AutoTokenizer.from_pretrained(**place)
    _require_padding(tokenizer, model)
    limit = _longest(tokenizer, model, None if settings is None else settings.longest)
    lower = settings is not None and settings.lower
    prompt = "" if settings is None else settings.prompt
    cut = {"truncation": False} if limit is None else {"truncation": True, "max_length": limit}

    def written(items: list[str]) -> list[str]:
        return [prompt + (text.lower() if lower else text) for text in items]

    def batch(items: list[str]) -> Any:
        tokens = tokenizer(written(items), padding=True, return_tensors="pt", **cut)
        empty = _without_tokens(tokens)
        if empty is not None:
            raise DataError(
                f"the text {items[empty][:_SHOWN]!r} has no tokens, so that there is nothing to "
                "embed; fill or remove the row"
            )
        return tokens

    def count(items: list[str]) -> int:
        return 0 if limit is None else _too_long(tokenizer, written(items), limit)

    return Preparation(
        batch, json_digest([_tokenizer_text(tokenizer), limit, lower, prompt]), count, limit
    )


PREPARATIONS: Mapping[str, Callable[..., Preparation]] = {"images": _images, "texts": _texts}
"""Make a preparation of the package, the place of the files, the model and the settings."""


def _require_padding(tokenizer: Any, model: Any) -> None:
    """Let a tokenizer without padding use the end of a text, which the mask then hides."""
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise InputError(
                f"the tokenizer {tokenizer.name_or_path} has no token for padding and none for the "
                "end of a text; set its pad_token"
            )
        tokenizer.pad_token = tokenizer.eos_token
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id


def _longest(tokenizer: Any, model: Any, told: int | None) -> int | None:
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


def _too_long(tokenizer: Any, texts: list[str], limit: int) -> int:
    """How many texts have more tokens than ``limit``; a token is at least one byte."""
    special = tokenizer.num_special_tokens_to_add()
    suspects = [text for text in texts if len(text.encode(errors="replace")) + special > limit]
    if not suspects:
        return 0
    tokens = tokenizer(suspects, truncation=False, padding=False, verbose=False)["input_ids"]
    return sum(len(each) > limit for each in tokens)


def _without_tokens(tokens: Any) -> int | None:
    """The first row without a token."""
    mask = tokens["attention_mask"]
    lengths = mask.sum(1) if mask.shape[1] else torch.zeros(len(mask))
    empty = (lengths == 0).nonzero()
    return int(empty[0, 0]) if len(empty) else None


def _tokenizer_text(tokenizer: Any) -> str:
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if hasattr(backend, "to_str"):
        return str(backend.to_str())
    return json.dumps(sorted(tokenizer.get_vocab().items()))
