"""Texts of all rows as two tensors, for lists that the header of a safetensors file cannot hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from uwe.errors import DataError

__all__ = ["HEADER_LIMIT", "names_of", "packed", "unpacked"]

HEADER_LIMIT = 100_000_000
"""Bytes of a header; the readers of safetensors refuse a longer one."""


def names_of(what: str) -> tuple[str, str]:
    """The names of the two tensors that hold the texts ``what``.

    >>> names_of("ids")
    ('ids.utf8', 'ids.ends')
    """
    return f"{what}.utf8", f"{what}.ends"


def packed(texts: Sequence[str]) -> tuple[bytes, npt.NDArray[np.int64]]:
    """All texts in UTF-8, one behind another, and for each of them where it ends.

    >>> text, ends = packed(["a", "", "bc"])
    >>> text, ends.tolist()
    (b'abc', [1, 1, 3])
    """
    encoded = [text.encode() for text in texts]
    return b"".join(encoded), np.cumsum([len(each) for each in encoded], dtype=np.int64)


def unpacked(utf8: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], name: str) -> list[str]:
    """The texts that `packed` was given.

    Raises:
        DataError: the two do not fit, or the text is not UTF-8; ``name`` is what it is called.

    >>> text, ends = packed(["a", "", "bc"])
    >>> unpacked(np.frombuffer(text, dtype=np.uint8), ends, "ids")
    ['a', '', 'bc']
    """
    whole = np.asarray(utf8).tobytes()
    stops = np.asarray(ends).tolist()
    starts = [0, *stops][: len(stops)]
    if (stops[-1] if stops else 0) != len(whole) or any(
        start > stop or start < 0 for start, stop in zip(starts, stops, strict=True)
    ):
        raise DataError(f"{name}: the ends of the texts do not fit their {len(whole)} bytes")
    try:
        return [whole[start:stop].decode() for start, stop in zip(starts, stops, strict=True)]
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8: {error}; write the file again") from error
