"""Small images as data addresses: PNG, written by ourselves, as there is so little to it."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from uwe.errors import InputError

__all__ = ["as_address", "encode_png", "is_picture"]

_LARGEST = 64
_KINDS = {1: 0, 3: 2}  # channels -> PNG's colour type: grey, RGB


def encode_png(image: npt.NDArray[np.uint8]) -> bytes:
    """A PNG file of 8 bits.

    Args:
        image: uint8 ``[height, width, channels]``, 1 or 3 channels.

    Raises:
        InputError: it has another shape.

    Source: W3C, Portable Network Graphics, third edition.

    >>> encode_png(np.zeros((2, 2, 1), np.uint8))[:4]
    b'\\x89PNG'
    """
    if image.ndim != 3 or image.shape[2] not in _KINDS:
        raise InputError(f"an image is [height, width, 1 or 3], not of shape {image.shape}")
    height, width, channels = image.shape
    rows = np.ascontiguousarray(image).reshape(height, width * channels)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)  # filter 0 each line
    header = struct.pack(">IIBBBBB", width, height, 8, _KINDS[channels], 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def is_picture(item: Any) -> bool:
    """Whether an item of a data set is an image that `as_address` takes."""
    return (
        isinstance(item, np.ndarray)
        and item.dtype == np.uint8
        and item.ndim == 3
        and item.shape[2] in _KINDS
    )


def as_address(image: npt.NDArray[np.uint8]) -> str:
    """A ``data:`` address of the image, thinned to at most 64 pixels a side."""
    step = max(-(-side // _LARGEST) for side in image.shape[:2])
    png = encode_png(np.asarray(image[::step, ::step]))
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
