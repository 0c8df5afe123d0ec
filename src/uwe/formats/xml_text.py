"""Texts in XML, escaped."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from uwe.errors import InputError
from uwe.tables import shown_id

__all__ = ["quoted", "xml_text"]

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def xml_text(text: str) -> str:
    """A text between tags.

    >>> xml_text("a < b")
    'a &lt; b'
    """
    return escape(_checked(text))


def quoted(text: str) -> str:
    """A text as the value of an attribute, with its quotes."""
    return quoteattr(_checked(text))


def _checked(text: str) -> str:
    """A text that XML can hold.

    Raises:
        InputError: it holds a control character.
    """
    if _NO_XML.search(text):
        raise InputError(
            f"{shown_id(text)} holds a character that XML cannot; choose another format"
        )
    return text
