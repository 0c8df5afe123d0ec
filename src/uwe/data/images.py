"""From an encoded image to an array, and to the size that is wanted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._types import Images
from uwe.errors import DataError

__all__ = ["decode_image", "fit_image"]

_PURPOSE = "reading images"
_BEGINNINGS = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"RIFF": "WEBP"}


def decode_image(encoded: bytes | Path, mode: str, name: str) -> Images:
    """Decode one image; the first frame of an animation, upright, transparency dropped.

    Args:
        encoded: the bytes of an image file, or its path.
        mode: "RGB" or "L" (grey).
        name: what an error calls the image.

    Returns:
        uint8 ``[height, width, channels]``.

    Raises:
        DataError: it cannot be decoded, or has more than 8 bits a channel.
    """
    pillow = optional("PIL.Image", _PURPOSE)
    try:
        with _opened(pillow, encoded) as image:
            pixels = _converted(image, mode, name)
    except DataError:
        raise
    except Exception as error:  # each of Pillow's many decoders raises errors of its own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"cannot decode the image {name}: {reason}; mend or remove it") from error
    return _with_channels(pixels)


def fit_image(image: Images, size: int | None) -> Images:
    """Resize the shorter side to ``size`` (bilinear, antialiased), crop the centre square.

    ``size`` None, or an image that is so already: the image as it is.
    """
    height, width = image.shape[:2]
    if size is None or height == width == size:
        return image
    pillow = optional("PIL.Image", _PURPOSE)
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    whole = pillow.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    square = whole.resize(
        (size, size), pillow.Resampling.BILINEAR, box=(left, top, left + side, top + side)
    )
    return _with_channels(np.asarray(square))


def _opened(pillow: Any, encoded: bytes | Path) -> Any:
    """Pillow tries every format it knows, which for a small image takes as long as decoding it."""
    if isinstance(encoded, Path):
        return pillow.open(encoded)
    likely = [name for begin, name in _BEGINNINGS.items() if encoded.startswith(begin)]
    return pillow.open(io.BytesIO(encoded), formats=likely or None)


def _converted(image: Any, mode: str, name: str) -> Images:
    if image.mode.startswith(("I", "F")):
        raise DataError(
            f"the image {name} has more than 8 bits a channel (mode {image.mode}); "
            "convert it to 8 bits"
        )
    optional("PIL.ImageOps", _PURPOSE).exif_transpose(image, in_place=True)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(image if image.mode == mode else image.convert(mode))


def _with_channels(pixels: Images) -> Images:
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
