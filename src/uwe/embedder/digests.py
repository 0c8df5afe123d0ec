"""Digests that tell whether a model, texts or a batch are still the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from uwe.models.digests import state_digest

__all__ = ["digest_of", "is_digest", "json_digest", "state_digest"]

_BYTES = 16


def digest_of(parts: Iterable[bytes]) -> str:
    """One digest of several parts, which are read one after another."""
    digest = hashlib.blake2b(digest_size=_BYTES)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def json_digest(value: object) -> str:
    """A digest of what JSON can hold."""
    return digest_of([json.dumps(value).encode()])


def is_digest(value: object) -> bool:
    """Whether a value looks like a digest, which says nothing to people.

    >>> is_digest(json_digest([1, 2])), is_digest("bert")
    (True, False)
    """
    return isinstance(value, str) and len(value) == 2 * _BYTES and set(value) <= set(_HEX)


_HEX = "0123456789abcdef"
