"""Digests of rows and stamps of files: how a project sees that its source has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uwe.errors import DataError

__all__ = ["BLOCK", "block_digests", "chosen", "digest", "has_objects", "row_digests", "stamp"]

BLOCK = 65_536
"""Rows of a digest, where rows have no names."""

_DIGEST = 8


def digest(content: bytes) -> str:
    """A digest of 16 letters."""
    return hashlib.blake2b(content, digest_size=_DIGEST).hexdigest()


def chosen(some: Sequence[int] | None, count: int) -> Sequence[int]:
    """The rows or blocks that are named; all of them for None."""
    return range(count) if some is None else some


def block_digests(x: Any, blocks: Sequence[int] | None, n: int) -> list[str]:
    """A digest of each block of the first ``n`` rows of ``x``."""
    count = -(-n // BLOCK)
    return [
        digest(_bytes_of(x[at * BLOCK : min((at + 1) * BLOCK, n)])) for at in chosen(blocks, count)
    ]


def row_digests(x: Any, rows: Sequence[int] | None, n: int) -> list[str]:
    """A digest of each of the first ``n`` rows of ``x``."""
    return [digest(_bytes_of(x[row : row + 1])) for row in chosen(rows, n)]


def stamp(file: Path) -> list[int]:
    """Size and time of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        state = file.stat()
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}") from error
    return [state.st_size, state.st_mtime_ns]


def has_objects(x: Any) -> bool:
    """Whether an array holds values of Python, such as texts."""
    kind = getattr(getattr(x, "dtype", None), "kind", "")
    return bool(kind == "O")


def _bytes_of(block: Any) -> bytes:
    if hasattr(block, "tocsr"):
        return bytes(block.data.tobytes() + block.indices.tobytes() + block.indptr.tobytes())
    if has_objects(block):
        return json.dumps(block.tolist()).encode()
    array = block.numpy() if hasattr(block, "numpy") else block
    return bytes(np.ascontiguousarray(array).tobytes())
