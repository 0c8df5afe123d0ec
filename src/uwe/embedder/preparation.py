"""How images and texts become a batch of a model of ``transformers``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from uwe.embedder.digests import json_digest
from uwe.embedder.sentences import SentenceSettings
from uwe.errors import DataError
from uwe.models.tokens import (
    longest,
    require_padding,
    tokenizer_text,
    too_long,
    without_tokens,
)

__all__ = ["PREPARATIONS", "Preparation"]

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
    require_padding(tokenizer, model)
    limit = longest(tokenizer, model, None if settings is None else settings.longest)
    lower = settings is not None and settings.lower
    prompt = "" if settings is None else settings.prompt
    cut = {"truncation": False} if limit is None else {"truncation": True, "max_length": limit}

    def written(items: list[str]) -> list[str]:
        return [prompt + (text.lower() if lower else text) for text in items]

    def batch(items: list[str]) -> Any:
        tokens = tokenizer(written(items), padding=True, return_tensors="pt", **cut)
        empty = without_tokens(tokens)
        if empty is not None:
            raise DataError(
                f"the text {items[empty][:_SHOWN]!r} has no tokens, so that there is nothing to "
                "embed; fill or remove the row"
            )
        return tokens

    def count(items: list[str]) -> int:
        return 0 if limit is None else too_long(tokenizer, written(items), limit)

    return Preparation(
        batch, json_digest([tokenizer_text(tokenizer), limit, lower, prompt]), count, limit
    )


PREPARATIONS: Mapping[str, Callable[..., Preparation]] = {"images": _images, "texts": _texts}
"""Make a preparation of the package, the place of the files, the model and the settings."""
