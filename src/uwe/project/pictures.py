"""Images as a browser shows them: large, for a person who labels."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uwe.data.images import as_image, decode_image, header_of_image
from uwe.errors import DataError
from uwe.selecting.items import Image, Item

__all__ = ["Picture", "as_picture", "large_picture", "picture_in"]

_SIDE = 2048  # pixels of the longer side of a picture that is converted, at most
_LARGEST_SIDE = 4096  # of a picture that is sent as it is
_MOST_BYTES = 8 << 20
_QUALITY = 90
_MEDIA: Mapping[str, str] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
}
"""Formats that every browser shows."""

_PLAIN_MODES = frozenset(["1", "L", "LA", "P", "PA", "RGB", "RGBA"])
"""Modes with 8 bits a channel at most, whose colours every browser shows."""


@dataclass(frozen=True)
class Picture:
    """An encoded image.

    Attributes:
        body: the bytes.
        media: their type, such as ``image/jpeg``.
    """

    body: bytes
    media: str

    @property
    def url(self) -> str:
        """The image as a data URL."""
        return f"data:{self.media};base64,{base64.b64encode(self.body).decode()}"


def large_picture(path: Path) -> Picture:
    """An image in a format that every browser shows.

    A file that browsers show is given as it is, unless it is larger than 8 MiB or than 4096 pixels.
    Any other image becomes a JPEG of at most 2048 pixels.

    Raises:
        DataError: it cannot be decoded.
    """
    header = header_of_image(path, path.name)
    media = _MEDIA.get(header.format)
    if media is not None and header.mode in _PLAIN_MODES and max(header.size) <= _LARGEST_SIDE:
        body = _bytes_of(path)
        if len(body) <= _MOST_BYTES:
            return Picture(body, media)
    image = as_image(decode_image(path, "RGB", path.name))
    image.thumbnail((_SIDE, _SIDE))
    return as_picture(image, lossless=False)


def as_picture(image: Any, *, lossless: bool) -> Picture:
    """An image of Pillow, encoded.

    Args:
        image: in RGB.
        lossless: whether it becomes a PNG; otherwise a JPEG.
    """
    kind = "PNG" if lossless else "JPEG"
    encoded = io.BytesIO()
    image.save(encoded, kind, **({} if lossless else {"quality": _QUALITY}))
    return Picture(encoded.getvalue(), _MEDIA[kind])


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the image {path.name}: {error.strerror}") from error


def picture_in(item: Item) -> Picture | None:
    """The picture in a preview, if it is an image as a data URL.

    >>> picture_in(Image("data:image/png;base64,AAEC"))
    Picture(body=b'\\x00\\x01\\x02', media='image/png')
    """
    if not isinstance(item, Image) or not item.source.startswith("data:"):
        return None
    media, _, encoded = item.source.removeprefix("data:").partition(";base64,")
    return Picture(base64.b64decode(encoded), media)
