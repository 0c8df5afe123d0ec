"""The images of a project as files for Label Studio, and as texts inside its JSON."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

from uwe._optional import optional
from uwe.data.images import as_image, decode_image
from uwe.errors import DataError
from uwe.formats.label_studio.client import Upload
from uwe.project import Items
from uwe.project.digests import digest
from uwe.project.pictures import Picture, picture_in

__all__ = ["data_url", "picture_file", "sent_picture"]

_SUFFIXES: Mapping[str, str] = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
}
_SIDE_IN_TEXT = 800
_QUALITY = 85
_SAYS_BROKEN = (480, 60)


def picture_file(items: Items, row: int) -> Upload:
    """The image of a row as a file; its name is a digest, so that it is known again.

    Of an image that cannot be read it is a picture that says so, and people skip it.
    """
    picture = sent_picture(items, row)
    return Upload(f"uwe{digest(picture.body)}{_SUFFIXES[picture.media]}", picture.body)


def data_url(items: Items, row: int) -> str:
    """The image of a row as a data URL, a JPEG of at most 800 pixels a side."""
    body = _as_jpeg(sent_picture(items, row), items.ids[row])
    return "data:image/jpeg;base64," + base64.b64encode(body).decode()


def sent_picture(items: Items, row: int) -> Picture:
    """The image of a row as it is sent; of one that cannot be read, a picture that says so."""
    try:
        found = items.picture(row) or picture_in(items.preview(row))
    except DataError:
        found = None
    return found or _broken(items.ids[row])


def _as_jpeg(picture: Picture, name: str) -> bytes:
    small = as_image(decode_image(picture.body, "RGB", name))
    small.thumbnail((_SIDE_IN_TEXT, _SIDE_IN_TEXT))
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=_QUALITY)
    return encoded.getvalue()


def _broken(name: str) -> Picture:
    """A picture that says that an image cannot be read."""
    purpose = "saying that an image is broken"
    image = optional("PIL.Image", purpose).new("RGB", _SAYS_BROKEN, "white")
    draw = optional("PIL.ImageDraw", purpose).Draw(image)
    shown = name.encode("ascii", "replace").decode()
    draw.text((10, 10), f"{shown}\ncannot be read. Skip it.", fill="black")
    encoded = io.BytesIO()
    image.save(encoded, "PNG")
    return Picture(encoded.getvalue(), "image/png")
