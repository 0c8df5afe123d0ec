"""From an encoded image to an array, and to the size that is wanted."""

from __future__ import annotations

import io
import os
import re
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._types import Images
from uwe.errors import DataError, text_of

__all__ = [
    "FORMATS",
    "Header",
    "as_image",
    "decode_image",
    "decode_mask",
    "fit_image",
    "header_of_image",
    "is_image",
    "kind_of",
    "size_of_image",
    "upright_size",
]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
"""What Pillow may open; some of its other formats start programs or follow paths."""

_PURPOSE = "reading images"
_BEGINNINGS = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "WEBP": rb"RIFF....WEBP",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM....\0\0\0\0",
    "TIFF": rb"II\*\0|MM\0\*",
    "PPM": rb"P[1-6]\s[\d#]",
    "JPEG2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "AVIF": rb"....ftypavi[fs]",
}
_FORMAT_OF = {name: re.compile(begin, re.DOTALL) for name, begin in _BEGINNINGS.items()}
_LONGEST_BEGINNING = 12
_LONGEST_TEXT = 1024  # bytes of a pointer or of a link
_LINK_AS_TEXT = re.compile(rb"[\w.~-]*(/[\w.@+=~-]+)+\n?")
_MOST_PIXELS = 178_956_970  # of an image; Pillow's own limit
_MANY_PIXELS = 2**25
_PIXELS_A_BYTE = 200  # photographs have fewer than 100, even at the lowest quality
_DARKEST = 16  # of 256; what is darker everywhere looks black
_NUMBERED = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")  # modes of Pillow
_LARGEST_CLASS = 255
_SPREAD = {"L;2": 85, "L;4": 17}  # what Pillow multiplies grey of 2 and of 4 bits by
_ORIENTATION = 0x0112  # of EXIF
_TURNED = range(5, 9)  # values of it that exchange width and height
_I_OF_16_BITS = ("PNG", "PPM")  # where mode I holds 0..65535


def decode_image(encoded: bytes | Path, mode: str, name: str) -> Images:
    """Decode one image; the first frame of an animation, upright, transparency dropped.

    Of 16-bit channels the upper 8 bits are kept, ``v // 256``; floats must be in 0..1 and become
    ``round(255 v)``.

    Args:
        encoded: the bytes of an image file, or its path.
        mode: "RGB" or "L" (grey).
        name: what an error calls the image.

    Returns:
        uint8 ``[height, width, channels]``.

    Raises:
        DataError: it cannot be decoded, is far larger than its file, or would be nearly black or
            of a single colour.
    """
    with _opened(encoded, name) as image:
        pixels = _converted(image, mode, name)
    return _with_channels(pixels)


def decode_mask(encoded: bytes | Path, name: str) -> Images:
    """Decode class numbers: the values of a grey image, or the indices of a palette, upright.

    Args:
        encoded: the bytes of an image file, or its path.
        name: what an error calls the mask.

    Returns:
        uint8 ``[height, width]``.

    Raises:
        DataError: it cannot be decoded, has colours, or was compressed with loss.
    """
    with _opened(encoded, name) as image:
        if image.format == "JPEG" or image.mode not in _NUMBERED:
            why = "JPEG, which changes numbers" if image.format == "JPEG" else image.mode
            raise DataError(
                f"the mask {name} is {why}; a mask holds class numbers: write it as PNG, grey or "
                "with a palette"
            )
        spread = _SPREAD.get(_raw_mode(image), 1)
        optional("PIL.ImageOps", _PURPOSE).exif_transpose(image, in_place=True)
        values = np.asarray(image)
    if values.dtype == np.bool_ or values.dtype == np.uint8:
        return values.astype(np.uint8) // np.uint8(spread)
    if values.min() < 0 or values.max() > _LARGEST_CLASS:
        raise DataError(
            f"the mask {name} has values from {values.min()} to {values.max()}; class numbers are "
            f"0 to {_LARGEST_CLASS}"
        )
    return values.astype(np.uint8)


def _raw_mode(image: Any) -> str:
    """How the pixels are written in the file; empty where the decoder does not say."""
    told = image.tile[0][3] if image.tile else ""
    return str(told[0] if isinstance(told, tuple) and told else told)


@dataclass(frozen=True)
class Header:
    """What the header of an image file says.

    Attributes:
        format: one of `FORMATS`.
        mode: Pillow's name of the kind of pixels, such as ``RGB``.
        size: width and height.
    """

    format: str
    mode: str
    size: tuple[int, int]


def header_of_image(encoded: bytes | Path, name: str) -> Header:
    """What the header says; the pixels are not decoded.

    Args:
        encoded: the bytes of an image file, or its path.
        name: what an error calls the image.

    Raises:
        DataError: it is no image that can be read, or it is far larger than its file.
    """
    with _opened(encoded, name) as image:
        width, height = image.size
        wide = ";16" in str(image.tile)  # 16-bit colours, which Pillow calls RGB
        return Header(image.format or "", f"{image.mode}{';16' if wide else ''}", (width, height))


def size_of_image(encoded: bytes | Path, name: str) -> tuple[int, int]:
    """Width and height; the arguments and errors are those of `header_of_image`."""
    return header_of_image(encoded, name).size


def upright_size(encoded: bytes | Path, name: str) -> tuple[int, int]:
    """Width and height of the decoded image, which is turned as a camera says.

    The arguments and errors are those of `header_of_image`.
    """
    width, height = size_of_image(encoded, name)
    with _opened(encoded, name) as image:
        is_turned = image.getexif().get(_ORIENTATION, 1) in _TURNED
    return (height, width) if is_turned else (width, height)


def is_image(path: Path) -> bool:
    """Whether a file begins as an image does that can be read; False where it cannot be opened."""
    try:
        with path.open("rb") as file:
            begin = file.read(_LONGEST_BEGINNING)
    except OSError:
        return False
    return _likely(begin) is not None


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
    square = as_image(image).resize(
        (size, size), pillow.Resampling.BILINEAR, box=(left, top, left + side, top + side)
    )
    return _with_channels(np.asarray(square))


def as_image(image: Images) -> Any:
    """Pixels ``[height, width, channels]`` as an image of Pillow."""
    pillow = optional("PIL.Image", _PURPOSE)
    return pillow.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


@contextmanager
def _opened(encoded: bytes | Path, name: str) -> Iterator[Any]:
    """An image whose header is read; what Pillow raises until the end is one line."""
    pillow = optional("PIL.Image", _PURPOSE)
    optional("PIL.ImageOps", _PURPOSE)
    try:
        length = _length(encoded, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)
            image = _header(pillow, encoded)
        with image:
            _check_size(image.size, length, name)
            yield image
    except DataError:
        raise
    except pillow.UnidentifiedImageError as error:
        raise _undecodable(name, _foreign(encoded)) from error
    except pillow.DecompressionBombError as error:
        raise _undecodable(name, f"it has more than {_MOST_PIXELS:,} pixels") from error
    except OSError as error:
        raise _undecodable(name, error.strerror or text_of(error)) from error
    except Exception as error:  # each of Pillow's many decoders raises errors of its own
        raise _undecodable(name, text_of(error)) from error


def _undecodable(name: str, reason: str) -> DataError:
    return DataError(f"cannot decode the image {name}: {reason}; repair or remove it")


def _foreign(encoded: bytes | Path) -> str:
    """Why a file that is no image is none; links and large files often come as text instead."""
    if isinstance(encoded, Path):
        with encoded.open("rb") as file:
            begin = file.read(_LONGEST_TEXT)
    else:
        begin = encoded[:_LONGEST_TEXT]
    if begin.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS and not the image itself (get it by: git lfs pull)"
    if len(begin) < _LONGEST_TEXT and _LINK_AS_TEXT.fullmatch(begin):
        return (
            f"it holds the text {begin.decode().strip()!r}, as a link does that was copied as text"
        )
    return f"it is none of {', '.join(FORMATS)}, or its beginning is damaged"


def _length(encoded: bytes | Path, name: str) -> int:
    """Bytes of the file; a pipe or a device is not opened, for that could wait without end."""
    if isinstance(encoded, bytes):
        return len(encoded)
    state = encoded.stat()
    if not stat.S_ISREG(state.st_mode):
        raise DataError(f"{name} is no file but {kind_of(state)}; remove it")
    return state.st_size


def kind_of(state: os.stat_result) -> str:
    """What is found at a path, in words: a file, a folder, a named pipe, a socket or a device."""
    found = (words for test, words in _KINDS if test(state.st_mode))
    return next(found, "of an unknown kind")


_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISREG, "a file"),
)


def _header(pillow: Any, encoded: bytes | Path) -> Any:
    """Pillow tries every format it knows, which for a small image takes as long as decoding it."""
    if isinstance(encoded, Path):
        return pillow.open(encoded, formats=FORMATS)
    likely = _likely(encoded[:_LONGEST_BEGINNING])
    return pillow.open(io.BytesIO(encoded), formats=FORMATS if likely is None else [likely])


def _likely(begin: bytes) -> str | None:
    """The format that a file of this beginning has."""
    return next((name for name, of in _FORMAT_OF.items() if of.match(begin)), None)


def _check_size(size: tuple[int, int], length: int, name: str) -> None:
    """Refuse what takes far more memory than its file lets expect."""
    pixels = size[0] * size[1]
    if pixels > _MOST_PIXELS:
        raise DataError(
            f"the image {name} is {size[0]}x{size[1]} pixels, more than {_MOST_PIXELS:,}; make it "
            "smaller or cut it into parts"
        )
    if pixels > _MANY_PIXELS and pixels > _PIXELS_A_BYTE * length:
        raise DataError(
            f"the image {name} says that it is {size[0]}x{size[1]} pixels, but its file has only "
            f"{length:,} bytes; repair or remove it"
        )


def _converted(image: Any, mode: str, name: str) -> Images:
    wide = image.mode in ("I", "F") or ";16" in f"{image.mode} {image.tile}"
    optional("PIL.ImageOps", _PURPOSE).exif_transpose(image, in_place=True)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if "A" in image.getbands() else None
    if wide:
        image = _narrowed(image, name)
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    if wide and pixels.max() < _DARKEST:
        raise DataError(
            f"the image {name} has more than 8 bits a channel and is darker than a 16th of their "
            "range everywhere, so that it would be nearly black; convert it to 8 bits with the "
            "scale that you want"
        )
    if alpha is not None:
        _check_visible(pixels, np.asarray(alpha), name)
    return pixels


def _narrowed(image: Any, name: str) -> Any:
    """The image in 8 bits a channel, by the range of its type and not by its own values."""
    values = np.asarray(image)
    if values.dtype == np.uint8:  # Pillow itself keeps the upper 8 bits of 16-bit colours
        return image
    if image.mode == "F":
        if not (values.min() >= 0 and values.max() <= 1):
            raise DataError(
                f"the image {name} holds floats from {values.min():.4g} to {values.max():.4g}; "
                "they must be in 0..1. Convert it to 8 bits"
            )
        narrow = np.rint(values * 255)
    elif image.mode == "I" and image.format not in _I_OF_16_BITS:
        raise DataError(
            f"the image {name} has 32-bit or signed channels (mode {image.mode}); convert it to 8 "
            "bits"
        )
    else:
        narrow = values // 256
    return optional("PIL.Image", _PURPOSE).fromarray(narrow.astype(np.uint8))


def _check_visible(pixels: Images, alpha: Images, name: str) -> None:
    """Refuse an image that is drawn by its transparency alone, which is dropped."""
    if alpha.min() < alpha.max() and (pixels == pixels[0, 0]).all():
        raise DataError(
            f"the image {name} has one colour only where its transparency is dropped; put it on a "
            "background of another colour"
        )


def _with_channels(pixels: Images) -> Images:
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
