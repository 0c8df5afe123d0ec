"""What ids of a pool must be, so that every file can hold them and they can be read back."""

from __future__ import annotations

from collections.abc import Sequence

from uwe._unicode import is_one_line, is_unicode
from uwe.errors import DataError

__all__ = ["check_ids"]


def check_ids(ids: Sequence[str]) -> None:
    """Refuse ids that are empty, hold a line break, are not UTF-8, or repeat.

    Raises:
        DataError: there is one; it is named with its row.

    >>> check_ids(["a", "b"])
    >>> check_ids(["a", "b", "a"])
    Traceback (most recent call last):
        ...
    uwe.errors.DataError: the id 'a' repeats, in rows 0 and 2; ids must differ
    """
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if (problem := _problem(name)) is not None:
            raise DataError(f"the id {name!a} of row {row} {problem}; rename it")
        if (earlier := first.setdefault(name, row)) != row:
            raise DataError(
                f"the id {name!r} repeats, in rows {earlier} and {row}; ids must differ"
            )


def _problem(name: str) -> str | None:
    if not name.strip():
        return "is empty"
    if not is_one_line(name):
        return "holds a line break"
    return None if is_unicode(name) else "is not UTF-8"
