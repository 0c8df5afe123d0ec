"""The images of a project as files that a browser shows."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from uwe.data.images import as_image, decode_image
from uwe.errors import DataError
from uwe.formats.label_studio.client import Upload
from uwe.project import Project
from uwe.project.digests import digest
from uwe.selecting.items import Image

__all__ = ["data_url", "picture_of"]

_SHOWN_BY_BROWSERS = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"BM": ".bmp",
}
"""Suffixes by the first bytes of a file; other images are sent as JPEG."""

_MOST_BYTES = 8 * 1024 * 1024
_SIDE = 2048
_SIDE_IN_TEXT = 800
_QUALITY = 90


def picture_of(project: Project, row: int) -> Upload:
    """The image of a row as a file; its name is a digest, so that it is known again.

    A file that browsers show goes as it is, unless it has more than 8 MB; any other is sent as a
    JPEG of at most 2,048 pixels a side.

    Raises:
        DataError: it cannot be read.
    """
    content, suffix = _content(project, row)
    return Upload(f"uwe{digest(content)}{suffix}", content)


def data_url(project: Project, row: int) -> str:
    """The image of a row as a data URL of at most 800 pixels a side.

    Raises:
        DataError: it cannot be read.
    """
    path = _path(project, row)
    if path is None:
        return _preview(project, row)
    content = _as_jpeg(path, _SIDE_IN_TEXT)
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


def _content(project: Project, row: int) -> tuple[bytes, str]:
    path = _path(project, row)
    if path is None:
        return base64.b64decode(_preview(project, row).partition(",")[2]), ".jpg"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    suffix = next(
        (end for start, end in _SHOWN_BY_BROWSERS.items() if content.startswith(start)), ""
    )
    if suffix and len(content) <= _MOST_BYTES:
        return content, suffix
    try:
        return _as_jpeg(path, _SIDE), ".jpg"
    except DataError:  # it is broken: people see that, and skip it
        return content[:_MOST_BYTES], suffix or ".jpg"


def _path(project: Project, row: int) -> Path | None:
    """The file of a row; None where the images are handed over from Python."""
    source = project.settings.source
    return Path(source) / project.ids[row] if source else None


def _preview(project: Project, row: int) -> str:
    shown = project.items.preview(row)
    if not isinstance(shown, Image) or not shown.source.startswith("data:"):
        raise DataError(f"the item {project.ids[row]!r} has no image that can be sent")
    return shown.source


def _as_jpeg(path: Path, side: int) -> bytes:
    small = as_image(decode_image(path, "RGB", str(path)))
    small.thumbnail((side, side))
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=_QUALITY)
    return encoded.getvalue()
