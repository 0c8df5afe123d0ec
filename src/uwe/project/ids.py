"""What people call the rows of a pool: listed names, or the row numbers themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np

from uwe.errors import InputError, close_matches
from uwe.tables import IdRows, checked_ids, shown_id

__all__ = ["Ids", "Names", "RowNumbers"]

_DIGITS = 18


class Ids(Sequence[str]):
    """Ids of rows, found by row and by id."""

    def row_of(self, name: str) -> int | None:
        """The row of an id; None where there is none."""
        raise NotImplementedError

    def require(self, name: str) -> int:
        """The row of an id.

        Raises:
            InputError: there is none.
        """
        row = self.row_of(name)
        if row is None:
            raise InputError(f"there is no item {shown_id(name)} in the pool; {self.hint(name)}")
        return row

    def named(self, rows: Iterable[Any]) -> list[str]:
        """The ids of rows that are given by their numbers or by their ids.

        Raises:
            InputError: a number is outside the pool, or is no whole number.

        >>> RowNumbers(9).named([3, "4"])
        ['3', '4']
        """
        if isinstance(rows, str):
            raise InputError(f"rows must be a list of row numbers or ids, not the text {rows!r}")
        given: object = rows
        if not isinstance(given, Iterable):
            raise InputError(f"rows must be a list of row numbers or ids, not {rows!r}")
        return [each if isinstance(each, str) else self[self._within(each)] for each in rows]

    def _within(self, number: Any) -> int:
        if isinstance(number, bool | np.bool_) or not isinstance(number, int | np.integer):
            raise InputError(f"a row is given by its number or its id, not by {number!r}")
        if not 0 <= number < len(self):
            raise InputError(f"there is no row {number}; rows are 0 to {len(self) - 1}")
        return int(number)

    def hint(self, name: str) -> str:
        """What an unknown id may have been meant for, in words that follow a message."""
        raise NotImplementedError


@dataclass(frozen=True)
class RowNumbers(Ids):
    """The numbers 0 to n - 1 as ids; nothing is stored.

    >>> ids = RowNumbers(10**8)
    >>> ids[7], ids.row_of("99999999"), ids.row_of("100000000")
    ('7', 99999999, None)
    """

    n: int

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[str, ...]: ...
    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return tuple(map(str, range(self.n)[at]))
        return str(range(self.n)[at])

    def row_of(self, name: str) -> int | None:
        """The number that the id is."""
        if not name.isascii() or not name.isdigit() or len(name) > _DIGITS:
            return None
        row = int(name)
        return row if row < self.n and str(row) == name else None

    def hint(self, name: str) -> str:
        """The range of the numbers."""
        del name
        return f"ids are the row numbers 0 to {self.n - 1}"


@dataclass(frozen=True)
class Names(Ids):
    """Listed ids, all different.

    Attributes:
        names: in the order of the rows.

    Raises:
        DataError: an id is empty, is not UTF-8 or repeats.

    >>> Names(("a.jpg", "b.jpg")).row_of("b.jpg")
    1
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        checked_ids(self.names, "ids")

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[str, ...]: ...
    def __getitem__(self, at: Any) -> Any:
        return self.names[at]

    @cached_property
    def _rows(self) -> IdRows:
        return IdRows(self.names)

    def row_of(self, name: str) -> int | None:
        """The row of that name, however its letters are composed."""
        return self._rows.row_of(name)

    def hint(self, name: str) -> str:
        """Close matches."""
        close = close_matches(name, self.names[:100_000])
        return (
            f"did you mean {shown_id(close[0])}?"
            if close
            else (f"ids are such as {shown_id(self.names[0])}")
        )
