"""Texts as Unicode has them: letters composed, and halves of characters that no file can hold."""

from __future__ import annotations

import unicodedata

__all__ = ["composed", "is_one_line", "is_unicode", "unicode_text"]


def composed(text: str) -> str:
    r"""``text`` with its letters composed (Unicode's NFC): ``ü`` is one however it was typed.

    >>> composed("e\u0301.png") == "\u00e9.png"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_one_line(text: str) -> bool:
    r"""Whether a list with one text a line gives ``text`` back: it is not empty and has no break.

    >>> is_one_line("a b"), is_one_line("a\u2028b"), is_one_line("")
    (True, False, False)
    """
    return text.splitlines() == [text]


def is_unicode(text: str) -> bool:
    r"""Whether a file in UTF-8 can hold ``text``; names of files may hold halves of characters.

    >>> is_unicode("\u00e9"), is_unicode("\udcff")
    (True, False)
    """
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unicode_text(text: str) -> str:
    r"""``text`` with an escape in place of each half of a character, which no file can hold.

    >>> print(unicode_text("half of one: \ud800"))
    half of one: \ud800
    """
    return text.encode("utf-8", "backslashreplace").decode()
