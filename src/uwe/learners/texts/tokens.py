"""Texts as tokens: each text is divided once, and batches are filled up to their longest text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from uwe.errors import DataError
from uwe.models.digests import text_digest
from uwe.models.tokens import tokenizer_text, too_long

__all__ = ["Tokens", "padded"]

TokenIds: TypeAlias = npt.NDArray[np.int32]  # [t]

_KEPT = 2**20  # texts
_SHOWN = 60  # letters of a text in an error


class Tokens:
    """The tokens of texts; those of a million texts are kept, and a copy keeps none.

    Args:
        tokenizer: of ``transformers``, with a token for padding.
        limit: tokens that are read of a text; the rest is cut.

    Attributes:
        identity: digest of all that decides how texts are divided, beside the limit.
    """

    def __init__(self, tokenizer: Any, limit: int) -> None:
        self.limit = limit
        self.identity = text_digest(_without_state(tokenizer_text(tokenizer)))
        self._tokenizer = tokenizer
        self._known: dict[str, bytes] = {}

    @property
    def padding(self) -> int:
        """The token that fills up a batch."""
        return int(self._tokenizer.pad_token_id)

    def cut(self, texts: Sequence[str]) -> int:
        """How many texts are longer than is read of them."""
        return too_long(self._tokenizer, list(texts), self.limit)

    def of(self, texts: Sequence[str]) -> list[TokenIds]:
        """The tokens of each text.

        Raises:
            DataError: a text has none.
        """
        known = self._known
        new = list(dict.fromkeys(text for text in texts if text not in known))
        found = dict(zip(new, self._divided(new), strict=True)) if new else {}
        if len(known) + len(new) <= _KEPT:
            known.update(found)
        return [
            np.frombuffer(found[text] if text in found else known[text], dtype=np.int32)
            for text in texts
        ]

    def __reduce__(self) -> tuple[type[Tokens], tuple[Any, int]]:
        return Tokens, (self._tokenizer, self.limit)

    def _divided(self, texts: list[str]) -> list[bytes]:
        rows = self._tokenizer(
            texts,
            truncation=True,
            max_length=self.limit,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        empty = next((text for text, ids in zip(texts, rows, strict=True) if not ids), None)
        if empty is not None:
            raise DataError(
                f"the text {empty[:_SHOWN]!r} has no tokens, so nothing can be learnt from it; "
                "fill or remove the row"
            )
        return [np.array(ids, dtype=np.int32).tobytes() for ids in rows]


def _without_state(told: str) -> str:
    """A tokenizer's text without how it was last called."""
    known = json.loads(told)
    if isinstance(known, dict):
        known = {name: value for name, value in known.items() if name not in _STATE}
    return json.dumps(known)


_STATE = ("truncation", "padding")


def padded(rows: Sequence[TokenIds], padding: int, length: int = 0) -> torch.Tensor:
    """Tokens and mask of a batch, int64 ``[2, b, t]``, filled up to the longest row or ``length``.

    >>> padded([np.array([5, 6], np.int32), np.array([7], np.int32)], padding=0).tolist()
    [[[5, 6], [7, 0]], [[1, 1], [1, 0]]]
    """
    longest = max(length, *map(len, rows))
    batch = np.zeros((2, len(rows), longest), dtype=np.int64)
    batch[0] = padding
    for at, ids in enumerate(rows):
        batch[0, at, : len(ids)] = ids
        batch[1, at, : len(ids)] = 1
    return torch.from_numpy(batch)
