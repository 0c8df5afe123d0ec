"""The runs in which Label Studio keeps what was painted with a brush.

A mask is the pixels of an image in RGBA, row by row, packed as bits: 32 for the count of bytes, 5
for the bits of a byte less 1, four times 4 for the bits of a length less 1. Then runs: one bit
whether a single byte is repeated, 2 bits for the kind of length, the length less 1, and the byte
that is repeated or all bytes of the run.

Source: the package rle-pack of thi.ng/umbrella, which Label Studio uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from uwe._types import BoolArray
from uwe.errors import InputError

__all__ = ["packed", "unpacked"]

_CHANNELS = 4
_LENGTHS = (3, 4, 8, 16)  # bits of a length
_LONGEST = 2 ** _LENGTHS[-1]
_WORD = 8  # bits of a byte
_LARGEST = 2**28  # pixels


def packed(area: BoolArray) -> list[int]:
    """The runs of an area ``[h, w]``, as a list of bytes.

    >>> unpacked(packed(np.array([[True, False]])), (2, 1)).tolist()
    [[True, False]]
    """
    flat = area.ravel()
    ends = np.append(np.flatnonzero(np.diff(flat)) + 1, len(flat))
    starts = np.append(0, ends[:-1])
    head = f"{_CHANNELS * len(flat):032b}{_WORD - 1:05b}"
    parts = [head, *(f"{each - 1:04b}" for each in _LENGTHS)]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        word = f"{255 if flat[start] else 0:08b}"
        parts += [f"1{_length(each)}{word}" for each in _pieces(_CHANNELS * (end - start))]
    bits = "".join(parts)
    bits += "0" * (-len(bits) % _WORD)
    return list(int(bits, 2).to_bytes(len(bits) // _WORD, "big"))


def unpacked(runs: Sequence[int], size: tuple[int, int]) -> BoolArray:
    """The area that runs are, bool ``[h, w]``: where the alpha channel is not 0.

    Args:
        runs: bytes, as Label Studio has them.
        size: width and height of the image in Label Studio.

    Raises:
        InputError: they are no such runs, or of another size.
    """
    width, height = size
    try:
        content = bytes(runs)
    except (TypeError, ValueError) as error:
        raise InputError(f"a brush mask must be a list of bytes ({error})") from error
    bits = f"{int.from_bytes(content, 'big'):0{_WORD * len(content)}b}" if content else ""
    reader = _Bits(bits)
    count = reader.read(32)
    if count != _CHANNELS * width * height or count > _CHANNELS * _LARGEST:
        raise InputError(
            f"a brush mask has {count:,} bytes, and an image of {width}x{height} pixels needs "
            f"{_CHANNELS * width * height:,}"
        )
    word = reader.read(5) + 1
    lengths = [reader.read(4) + 1 for _ in _LENGTHS]
    found = np.empty(count, dtype=np.bool_)
    at = 0
    while at < count:
        is_repeated = reader.read(1)
        end = at + 1 + reader.read(lengths[reader.read(2)])
        if end > count:
            raise InputError("a brush mask has more runs than pixels; export it again")
        if is_repeated:
            found[at:end] = reader.read(word) > 0
        else:
            found[at:end] = [reader.read(word) > 0 for _ in range(end - at)]
        at = end
    area: BoolArray = found.reshape(height, width, _CHANNELS)[..., -1]
    return area


def _pieces(length: int) -> Iterator[int]:
    while length:
        piece = min(length, _LONGEST)
        yield piece
        length -= piece


def _length(length: int) -> str:
    """A length as bits: which kind it is, and how long."""
    kind = next(at for at, bits in enumerate(_LENGTHS) if length <= 2**bits)
    return f"{kind:02b}{length - 1:0{_LENGTHS[kind]}b}"


class _Bits:
    """Reads whole numbers out of bits."""

    def __init__(self, bits: str) -> None:
        self._bits = bits
        self._at = 0

    def read(self, count: int) -> int:
        part = self._bits[self._at : self._at + count]
        if len(part) < count:
            raise InputError("a brush mask ends too early; export it again")
        self._at += count
        return int(part, 2)
