"""Parts of the JSON of COCO, read without trust."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from uwe.formats.reading import Unreadable, as_object, as_text

__all__ = ["key_of", "parts_in", "text_of_part"]


def parts_in(document: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The objects of a list of a document.

    Raises:
        Unreadable: it is no list of objects.
    """
    parts = document.get(name, [])
    if not isinstance(parts, list):
        raise Unreadable(f"{name} must be a list")
    for at, part in enumerate(parts, start=1):
        yield as_object(part, f"entry {at} of {name}")


def key_of(part: Mapping[str, Any], name: str, what: str) -> int | str:
    """A number or a text that names a part.

    Raises:
        Unreadable: it is neither.
    """
    value = part.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Unreadable(f"{what} has {value!r:.40} as {name}; give a whole number")
    return value


def text_of_part(part: Mapping[str, Any], name: str, what: str) -> str:
    """A text of a part.

    Raises:
        Unreadable: there is none.
    """
    text = as_text(part.get(name), f"{name} of {what}")
    if text is None:
        raise Unreadable(f"{what} has no {name}")
    return text
