"""The name of a strategy in file names."""

from __future__ import annotations

import re
from typing import Any

from uwe.errors import InputError

__all__ = ["checked_name", "name_of"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def checked_name(name: str) -> str:
    """``name``, if it can be part of a file name.

    Raises:
        InputError: it is empty or holds other characters than letters, digits, ``-``, ``_``, ``.``.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a strategy; use letters, digits, '-', '_' and '.', and begin "
            "with none of '-' and '.'"
        )
    return name


def name_of(value: Any) -> str:
    """A short name of a function or an object, to be part of a strategy's name.

    >>> name_of(len), name_of(lambda x: x), name_of("bvsb")
    ('len', 'lambda', 'bvsb')
    """
    text = value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-.") or "own"
