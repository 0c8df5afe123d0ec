"""The cells of a table: what a format has to offer, and a cell that does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

__all__ = ["BadCell", "Cells", "found_in", "number_of", "taken"]


class BadCell(ValueError):
    """A cell is empty or of another kind; the table names file, line and column.

    Args:
        row: of the cell; None: of all cells, since the column is of another type.
        problem: what a message says of the column, such as ``is empty``.
    """

    def __init__(self, row: int | None, problem: str) -> None:
        super().__init__(problem)
        self.row = row
        self.problem = problem


class Cells(Protocol):
    """The cells of a table; what a format has to offer."""

    def stream(self, name: str) -> Iterator[Any]:
        """The values of one column, one after another."""
        ...

    def take(self, name: str, rows: Sequence[int]) -> dict[int, Any]:
        """The values of some rows of one column, by row."""
        ...

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        """The numbers of one column ``[n]``, or of a column of lists ``[n, d]``.

        Raises:
            BadCell: a cell is empty, or holds something else.
        """
        ...

    def classes(self, name: str) -> tuple[str, ...] | None:
        """The class names of a column of class numbers, where the file has them."""
        ...

    def is_plain(self, name: str) -> bool:
        """Whether a column holds one number or text a row, no lists, objects or bytes."""
        ...

    def kind(self, name: str) -> str:
        """What a column holds, as the format knows it; shards must agree."""
        ...


def taken(stream: Iterable[Any], rows: Sequence[int]) -> dict[int, Any]:
    """The values of some rows of a stream, by row.

    >>> taken("abc", [2, 0])
    {0: 'a', 2: 'c'}
    """
    wanted = frozenset(rows)
    return {row: value for row, value in enumerate(stream) if row in wanted}


def number_of(cell: str) -> float:
    """The number that a cell of text holds, written in ASCII and without ``_``.

    Raises:
        ValueError: it holds none.

    >>> number_of(" 1.5")
    1.5
    """
    text = cell.strip()
    if "_" in text or not text.isascii():
        raise ValueError(cell)
    return float(text)


def found_in(value: Any, wanted: str = "a number") -> str:
    """What a message says of a cell that is not what was wanted.

    >>> found_in(""), found_in("abc"), found_in("1.5")
    ('is empty', "holds 'abc', not a number", "holds the text '1.5', not a number")
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return "is empty"
    shown = repr(value)
    of = "the text " if isinstance(value, str) and _is_written(value) else ""
    return f"holds {of}{shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}, not {wanted}"


def _is_written(text: str) -> bool:
    try:
        number_of(text)
    except ValueError:
        return False
    return True


_SHOWN = 60
