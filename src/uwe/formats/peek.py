"""A first look at a file or folder, from which formats recognise their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from uwe.errors import DataError, InputError
from uwe.formats.json_text import read_json

__all__ = ["Peek", "require_there"]

_HEAD = 64 * 1024
_LONGEST_LINE = 2**26


@dataclass(frozen=True)
class Peek:
    """A first look at a file or folder.

    Attributes:
        path: of it.
    """

    path: Path

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in a folder; none of a file."""
        return (
            frozenset(each.name for each in self.path.iterdir()) if self.is_folder else frozenset()
        )

    @cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    @cached_property
    def head(self) -> bytes:
        """The first bytes of a file, without a byte-order mark and blanks."""
        if self.is_folder:
            return b""
        with self.path.open("rb") as file:
            return file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()

    @property
    def suffix(self) -> str:
        """The last suffix, in small letters."""
        return self.path.suffix.lower()

    @cached_property
    def record(self) -> Mapping[str, Any]:
        """The object of the first line of JSON lines; empty where there is none."""
        if not self.head.startswith(b"{"):
            return {}
        with self.path.open("rb") as file:
            while (line := file.readline(_LONGEST_LINE)) and not line.strip(b"\xef\xbb\xbf \t\r\n"):
                pass
        return _object(line)

    @cached_property
    def document(self) -> Any:
        """The value of a file that is one JSON text; None where it is none.

        Raises:
            DataError: it should be one, by its name, and is not.
        """
        if not self.head.startswith((b"{", b"[")):
            return None
        try:
            return read_json(self.path)
        except DataError:
            if self.suffix == ".json" and not self.record:
                raise
            return None

    @cached_property
    def listed(self) -> Mapping[str, Any]:
        """The first object of a JSON list, or of JSON lines; empty where there is none."""
        if self.record:
            return self.record
        if not self.head.startswith(b"[") or not isinstance(self.document, list):
            return {}
        first = self.document[0] if self.document else None
        return first if isinstance(first, dict) else {}


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def require_there(path: Path) -> None:
    """Refuse a path that leads to nothing.

    Raises:
        DataError: there is nothing.
        InputError: it is neither a file nor a folder.
    """
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if not path.is_file() and not path.is_dir():
        raise InputError(f"{path} is no regular file; give a file or a folder of labels")
