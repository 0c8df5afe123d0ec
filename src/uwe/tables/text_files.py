"""Text files as people keep them: compressed or not, in UTF-8 or in what a spreadsheet writes."""

from __future__ import annotations

import codecs
import gzip
import logging
import re
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from uwe.errors import DataError, InputError, damaged

__all__ = ["TextFile", "read_text_file", "say_adapted"]

log = logging.getLogger("uwe")

GZIP = ".gz"

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WINDOWS = "cp1252"
_NAMES = {
    "cp1252": "Windows-1252",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
}
_LOOKED_AT = 4096  # bytes
_PIECE = 1 << 20
_OTHER_SCRIPT = re.compile(
    rb"[\xc0-\xff]{3}|[\x80-\xff]{4}|[\x82-\x84\x86-\x8f\x98-\x9f][\x80-\xff]"
)
_PARTLY_UTF8 = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
_LARGE, _MOST_TIMES = 1 << 30, 200


@dataclass(frozen=True)
class TextFile:
    """What a text file holds.

    Attributes:
        path: of the file.
        content: the text in UTF-8, without a byte-order mark.
        adapted: the encoding that was recognised, for an announcement; empty for UTF-8.
    """

    path: Path
    content: bytes = field(repr=False)
    adapted: str = ""


def read_text_file(path: Path, encoding: str | None = None) -> TextFile:
    """Read a text file, unpacked if its name ends in ``.gz``.

    A byte-order mark and zero bytes between letters tell UTF-16. Text that is not UTF-8 is read as
    Windows-1252 where it can be nothing else.

    Args:
        path: of the file.
        encoding: of the text; None: recognised.

    Raises:
        InputError: there is no such encoding.
        DataError: the file cannot be read, or is in another encoding.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "t.csv"
    >>> _ = path.write_bytes("name\\nZoé".encode("cp1252"))
    >>> file = read_text_file(path)
    >>> file.content.decode(), file.adapted
    ('name\\nZoé', 'read as Windows-1252')
    """
    if encoding is not None:
        _require_encoding(encoding)
    content = _read(path)
    marked = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), None)
    if encoding is not None:
        if marked is not None and not _alike(encoding, marked[1]):
            raise InputError(
                f"{path} begins with the byte-order mark of {marked[1]}, but --encoding is "
                f"{encoding}; leave --encoding out"
            )
        return TextFile(path, _in_utf8(path, content, encoding, f"not {encoding}"))
    if marked is not None:
        mark, name = marked
        content = _in_utf8(path, content[len(mark) :], name, f"not {_NAMES.get(name, 'UTF-8')}")
        return TextFile(path, content, f"read as {_NAMES[name]}" if name in _NAMES else "")
    if (wide := _wide(content)) is not None:
        return TextFile(
            path, _in_utf8(path, content, wide, "not UTF-16"), f"read as {_NAMES[wide]}"
        )
    if (at := _first_not_utf8(content)) is None:
        _refuse_zero_bytes(path, content)
        return TextFile(path, content)
    if not _may_be_windows(content):
        raise DataError(
            f"line {_line(content, at)} of {path} is not UTF-8 (byte 0x{content[at]:02x}); save "
            "the file as UTF-8 or pass --encoding"
        )
    _refuse_zero_bytes(path, content)
    return TextFile(path, content.decode(_WINDOWS).encode(), f"read as {_NAMES[_WINDOWS]}")


def say_adapted(path: Path, *what: str) -> None:
    """Log in one line what was recognised in a file; nothing where it is all as expected."""
    said = [each for each in what if each]
    if said:
        _say_once(path, path.stat().st_mtime_ns, "; ".join(said))


@lru_cache(maxsize=1024)
def _say_once(path: Path, changed: int, said: str) -> None:
    """Log what was recognised; a file that is read again as it was is not said again."""
    del changed
    log.warning("%s: %s", path, said)


def _read(path: Path) -> bytes:
    try:
        if path.suffix.lower() == GZIP:
            with gzip.open(path) as packed:
                return _unpacked(path, packed)  # type: ignore[arg-type]
        content = path.read_bytes()
    except MemoryError as error:
        raise DataError(f"{path} does not fit into memory; split it into several files") from error
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, error) from error
    if content.startswith(_GZIP_MAGIC):
        raise DataError(f"{path} is compressed by gzip; call it {path.name}{GZIP}")
    if content.startswith(_ZIP_MAGIC):
        raise DataError(
            f"{path} is a zip file, as spreadsheets and archives are, and no text; save it as CSV"
        )
    return content


def _unpacked(path: Path, packed: BinaryIO) -> bytes:
    """The content, unless it is so much larger than the file that it was made to fill memory."""
    size = path.stat().st_size
    content = bytearray()
    while piece := packed.read(_PIECE):
        content += piece
        if len(content) > max(_LARGE, _MOST_TIMES * size):
            raise DataError(
                f"{path} unpacks to more than {_MOST_TIMES} times its size and 1 GiB; unpack it "
                "yourself if that is right"
            )
    return bytes(content)


def _require_encoding(encoding: str) -> None:
    try:
        is_text = codecs.lookup(encoding)._is_text_encoding
    except (LookupError, ValueError) as error:
        raise InputError(
            f"there is no encoding {encoding!r}; --encoding is one such as utf-8, utf-16, cp1252 "
            "or shift_jis"
        ) from error
    if not is_text:
        raise InputError(f"{encoding!r} is no encoding of text; --encoding is one such as cp1252")


def _alike(encoding: str, marked: str) -> bool:
    """Whether a byte-order mark is of the encoding that was given."""
    family = marked.removesuffix("-le").removesuffix("-be")
    return codecs.lookup(encoding).name.startswith(family)


def _in_utf8(path: Path, content: bytes, encoding: str, problem: str) -> bytes:
    try:
        text = content.decode(encoding)
        found = text.encode().removeprefix(codecs.BOM_UTF8)
    except (UnicodeError, ValueError) as error:
        at = getattr(error, "start", 0)
        before = content[:at].decode(encoding, "replace")
        raise DataError(
            f"line {before.count(chr(10)) + 1} of {path} is {problem}; pass the right --encoding"
        ) from error
    _refuse_zero_bytes(path, found)
    return found


def _wide(content: bytes) -> str | None:
    """The kind of UTF-16 in which every second byte of Western text is zero."""
    seen = content[:_LOOKED_AT]
    half = len(seen) // 2
    if half == 0 or len(content) % 2:
        return None
    even, odd = seen[0::2].count(0), seen[1::2].count(0)
    if odd > half * 0.4 and even < half * 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.4 and odd < half * 0.05 else None


def _first_not_utf8(content: bytes) -> int | None:
    """The first byte that is not UTF-8, looked for piece by piece to save memory."""
    start = 0
    while start < len(content):
        end = min(start + _PIECE, len(content))
        while end < len(content) and content[end] & 0xC0 == 0x80 and end - start < _PIECE + 4:
            end += 1
        try:
            content[start:end].decode()
        except UnicodeDecodeError as error:
            return start + error.start
        start = end
    return None


def _may_be_windows(content: bytes) -> bool:
    """Whether bytes are Western text: no other script, and no UTF-8 with a fault in it."""
    if _OTHER_SCRIPT.search(content) or _PARTLY_UTF8.search(content):
        return False
    try:
        content.decode(_WINDOWS)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_zero_bytes(path: Path, content: bytes) -> None:
    at = content.find(0)
    if at >= 0:
        raise DataError(
            f"line {_line(content, at)} of {path} holds a zero byte, which no text has; the file "
            "is damaged, or is no text"
        )


def _line(content: bytes, at: int) -> int:
    return content.count(b"\n", 0, at) + 1
