"""Ids of rows: read to the digit, checked once, and found again however they are composed."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from uwe._unicode import composed, is_unicode
from uwe.errors import DataError

__all__ = [
    "ID_NAMES",
    "IdRows",
    "as_ids",
    "checked_ids",
    "id_column",
    "matched",
    "shown_id",
]

log = logging.getLogger("uwe")

ID_NAMES = ("ids", "id")
"""Names of the column of ids; a table has one of them."""

_EXACT = {np.float16: 2**11, np.float32: 2**24}
_EXACT_IN_FLOAT64 = 2**53
_NOT_A_VALUE = ("NAType", "NaTType")  # of pandas, which is not imported


def id_column(names: Sequence[str], owner: str) -> str | None:
    """The name in ``names`` that stands for ids: ``ids`` or ``id``; None where there is neither.

    Raises:
        DataError: both are there, so that nothing says which is meant.

    >>> id_column(["id", "x_0"], "pool.csv")
    'id'
    """
    found = [name for name in ID_NAMES if name in names]
    if len(found) > 1:
        raise DataError(
            f"{owner} has {found[0]!r} and {found[1]!r}, and both stand for ids; rename or remove "
            "one"
        )
    return found[0] if found else None


def as_ids(
    values: Iterable[Any], owner: str, where: Callable[[int], str] = "row {}".format
) -> list[str]:
    """Ids as text: text as it is, whole numbers to the digit, and ``""`` where there is no value.

    Whole numbers that passed through floating ones (``3.0``, as pandas has a column with gaps) are
    read as whole numbers, as long as they are exact; the log says so.

    Args:
        values: whole numbers of any size, text, bytes in UTF-8 or UUIDs.
        owner: what an error calls them, such as ``pool.csv: id``.
        where: what an error calls a row.

    Raises:
        DataError: a value is anything else; the first such row is named.

    >>> as_ids([2**64 - 1, "a", None], "ids")
    ['18446744073709551615', 'a', '']
    """
    ids: list[str] = []
    floating: float | None = None
    for row, value in enumerate(values):
        if type(value) is str:
            ids.append(value)
            continue
        name = _as_id(value)
        if name is None:
            raise DataError(
                f"{owner} must be whole numbers or text, but {where(row)} holds "
                f"{_clipped(repr(value.item() if isinstance(value, np.generic) else value))}"
                f"{_why(value)}"
            )
        if name and floating is None and isinstance(value, float | np.floating):
            floating = float(value)
        ids.append(name)
    if floating is not None:
        log.warning(
            "%s holds floating numbers; they are read as whole numbers: %s is '%d'",
            owner, floating, int(floating),
        )  # fmt: skip
    return ids


def checked_ids(ids: Sequence[str], owner: str) -> Sequence[str]:
    """The same ids, of which each can be written, read back and told from every other.

    Args:
        ids: one a row.
        owner: what an error calls them, such as ``pool.csv: id``.

    Raises:
        DataError: an id is empty, is not UTF-8 or repeats; the rows are named.

    >>> checked_ids(["a", "b"], "ids")
    ['a', 'b']
    """
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if not name.strip():
            raise DataError(
                f"{owner} is empty in row {row} (the first such row); every row needs an id"
            )
        if not is_unicode(name):
            raise DataError(
                f"{owner} is not UTF-8 in row {row} (the first such row): "
                f"{_clipped(ascii(name))}; rename it"
            )
        if (earlier := first.setdefault(name, row)) != row:
            raise DataError(
                f"{owner}: the id {shown_id(name)} repeats, in rows {earlier} and {row}; ids "
                "must differ"
            )
    return ids


@dataclass(frozen=True)
class IdRows:
    """Finds rows by their ids: by the same characters first, then by the same composed ones.

    macOS writes ``ü`` as two characters where other systems write one; both mean the same file.

    Attributes:
        ids: of all rows, all different.

    >>> IdRows(["a", "\u00fc"]).row_of("u\u0308")
    1
    """

    ids: Sequence[str]

    def row_of(self, name: str) -> int | None:
        """The row of an id, or None.

        Raises:
            DataError: no id has these characters, and several have them composed.
        """
        row = self._exact.get(name)
        if row is not None or name.isascii():
            return row
        rows = self._composed.get(composed(name), ())
        if len(rows) > 1:
            raise DataError(
                f"the id {_clipped(ascii(name))} may be that of row {rows[0]} or of row {rows[1]}, "
                "which differ only in how Unicode composes them; write it as in one of them"
            )
        return rows[0] if rows else None

    @cached_property
    def _exact(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def _composed(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for row, name in enumerate(self.ids):
            if not name.isascii():
                found.setdefault(composed(name), []).append(row)
        return found


def matched(names: Iterable[str], ids: Sequence[str]) -> Iterator[int | None]:
    """The row of each name among ``ids``, as `IdRows` finds it; None where there is none.

    Raises:
        DataError: as `IdRows.row_of`.

    >>> list(matched(["b", "z"], ["a", "b"]))
    [1, None]
    """
    return map(IdRows(ids).row_of, names)


def shown_id(name: str) -> str:
    """An id for an error, in quotes; a long one is cut.

    >>> shown_id("a"), len(shown_id("a" * 5000))
    ("'a'", 81)
    """
    return _clipped(repr(name))


def _as_id(value: Any) -> str | None:
    """The id that a value is; ``""`` for no value, None for what is no id."""
    if value is None or type(value).__name__ in _NOT_A_VALUE:
        return ""
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, str | uuid.UUID):
        return str(value)
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return _of_floating(value)
    if isinstance(value, Decimal):
        return str(int(value)) if value.is_finite() and value == int(value) else None
    return _of_bytes(bytes(value)) if isinstance(value, bytes | bytearray | memoryview) else None


def _of_floating(value: float | np.floating[Any]) -> str | None:
    number = float(value)
    if number != number:
        return ""
    most = _EXACT.get(type(value), _EXACT_IN_FLOAT64)
    return str(int(number)) if number.is_integer() and abs(number) < most else None


def _of_bytes(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _why(value: Any) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return ", and a floating number of this size is not exact; write ids as text"
    return "; write ids as text"


_SHOWN = 80


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
