"""A table as named columns, in any format."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from uwe.errors import DataError
from uwe.tables.row_ids import ID_NAMES, as_ids, checked_ids, id_column

__all__ = ["ID_NAMES", "LABEL_NAMES", "Cells", "Listed", "Table", "blocks_of"]

LABEL_NAMES = ("label", "labels")
"""Names of the column of labels; the first that a table has is taken."""

_NUMBERED = re.compile(r"(?P<block>.*?)[_.\-]?(?P<number>\d+)")
_CUTOFF = 0.5


class Cells(Protocol):
    """The cells of a table; what a format has to offer."""

    def stream(self, name: str) -> Iterator[Any]:
        """The values of one column, one after another."""
        ...

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        """The numbers of one column ``[n]``, or of a column of lists ``[n, d]``."""
        ...

    def classes(self, name: str) -> tuple[str, ...] | None:
        """The class names of a column of class numbers, where the file has them."""
        ...

    def is_plain(self, name: str) -> bool:
        """Whether a column holds one number or text a row, no lists, objects or bytes."""
        ...


@dataclass(frozen=True)
class Listed:
    """Cells that are lists of values of Python.

    Attributes:
        name: what an error calls the table.
        column: gives the values of a column.
    """

    name: str
    column: Callable[[str], list[Any]]

    def stream(self, name: str) -> Iterator[Any]:
        """The values of one column, one after another."""
        return iter(self.column(name))

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        """The numbers of one column; lists of one length as ``[n, d]``.

        Raises:
            DataError: a value is empty, is no number, or lists differ in length.
        """
        values = self.column(name)
        _require_numbers(self.name, name, values)
        return np.array(values)

    def classes(self, name: str) -> tuple[str, ...] | None:  # noqa: ARG002  (as the protocol has it)
        """None: the format has no class names."""
        return None

    def is_plain(self, name: str) -> bool:
        """Whether a column holds no lists and no objects."""
        return not any(isinstance(value, list | dict | bytes) for value in self.column(name))


@dataclass(frozen=True)
class Table:
    """A table whose columns are read when they are asked for.

    Attributes:
        path: the file, or the first of several.
        columns: names, in order.
        n: rows.
        cells: reads a column.
        name: what an error calls the table.
        lines: for each row its number for an error: the line of a text file, else the row.
        unit: ``line`` or ``row``: what these numbers count.
    """

    path: Path
    columns: tuple[str, ...]
    n: int
    cells: Cells = field(repr=False)
    name: str
    lines: Sequence[int] = field(repr=False)
    unit: str = field(default="row", repr=False)

    def __len__(self) -> int:
        return self.n

    def values(self, name: str) -> list[Any]:
        """The values of a column as the format has them.

        Text formats give text, and an empty cell as ``""``, since they cannot tell an empty text
        from no value. JSON lines and Parquet give values of Python, and None for no value.

        Raises:
            DataError: there is no such column, or it cannot be read.
        """
        self.require(name)
        return list(self.cells.stream(name))

    def at(self, rows: Sequence[int], names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The values of some rows, by the name of the column.

        Args:
            rows: in any order.
            names: of columns; all that hold one number or text a row if it is None.

        Raises:
            DataError: there is no such column, or it cannot be read.
        """
        wanted = frozenset(rows)
        found: list[dict[str, Any]] = [{} for _ in rows]
        for name in self.plain if names is None else names:
            self.require(name)
            stream = enumerate(self.cells.stream(name))
            here = {row: value for row, value in stream if row in wanted}
            for values, row in zip(found, rows, strict=True):
                values[name] = here[row]
        return found

    @property
    def plain(self) -> tuple[str, ...]:
        """The columns that hold one number or text a row, no lists, objects or bytes."""
        return tuple(name for name in self.columns if self.cells.is_plain(name))

    def text(self, name: str) -> list[str | None]:
        """The values of a column as text; None where `values` has None.

        Raises:
            DataError: there is no such column, or it cannot be read.
        """
        return [
            value if value is None or isinstance(value, str) else str(value)
            for value in self.values(name)
        ]

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        """Numbers ``[n]`` of a column, ``[n, d]`` of a column of lists or of a block.

        A block ``features`` is the columns ``features_0``, ``features_1`` and so on (or
        ``features0``, ``features.0``, ``features-0``), in the order of their numbers.

        Raises:
            DataError: there is no such column or block, or a row of it holds no number.
        """
        if name in self.blocks:
            return self._stacked(name)
        self.require(name)
        return self.cells.numbers(name)

    def classes(self, name: str) -> tuple[str, ...] | None:
        """The class names of a column of class numbers, where the file has them."""
        self.require(name)
        return self.cells.classes(name)

    def ids(self, name: str | None = None) -> list[str] | None:
        """The ids as text, ``""`` where one is empty; None where no column is called ids or id.

        Args:
            name: another column to take.

        Raises:
            DataError: a value is no id, or the table has both ``ids`` and ``id``.
        """
        column = self._id_column() if name is None else name
        if column is None:
            return None
        return as_ids(self.values(column), f"{self.name}: {column}", self.where)

    def checked_ids(self, name: str | None = None) -> list[str] | None:
        """As `ids`, with every id there, in UTF-8 and unlike all others.

        Raises:
            DataError: an id is not; the row is named.
        """
        ids = self.ids(name)
        if ids is not None:
            column = name or self._id_column()
            checked_ids(ids, f"{self.name}: {column}")
        return ids

    def _id_column(self) -> str | None:
        return id_column([name for name in ID_NAMES if self.first([name])], self.name)

    def first(self, names: Sequence[str]) -> str | None:
        """The first of ``names`` that is a column, or None."""
        return next((name for name in names if name in self.columns), None)

    def require(self, name: str) -> None:
        """Check that there is a column ``name``.

        Raises:
            DataError: there is none; the columns, or those of a similar name, are listed.
        """
        if name not in self.columns:
            raise DataError(
                f"{self.name} has no column {name!r}; its columns are {shown(self.columns)}"
                + close_to(name, self.columns)
            )

    def where(self, row: int) -> str:
        """What an error calls a row: ``line 3``, or ``row 1`` of a format without lines."""
        return f"{self.unit} {self.lines[row]}"

    @property
    def blocks(self) -> dict[str, list[str]]:
        """The numbered blocks that are no columns themselves, with their columns in order."""
        found = blocks_of(self.columns)
        return {block: of for block, of in found.items() if block not in self.columns}

    def _stacked(self, block: str) -> np.ndarray[Any, Any]:
        names = self.blocks[block]
        columns = [self.cells.numbers(name) for name in names]
        for name, column in zip(names, columns, strict=True):
            if column.ndim != 1:
                raise DataError(f"{self.name}: the column {name} of block {block} holds lists")
        return np.stack(columns, axis=1)


def blocks_of(names: Sequence[str]) -> dict[str, list[str]]:
    """The blocks among column names, each in the order of its numbers.

    >>> blocks_of(["id", "x_1", "x_0", "y"])
    {'x': ['x_0', 'x_1']}
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        if (match := _NUMBERED.fullmatch(name)) and match["block"]:
            found.setdefault(match["block"], []).append((int(match["number"]), name))
    return {block: [name for _, name in sorted(of)] for block, of in found.items()}


_SHOWN = 20


def shown(names: Sequence[str]) -> str:
    """The first names, for an error.

    >>> shown(["a", "b"])
    'a, b'
    """
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def close_to(name: str, names: Sequence[str]) -> str:
    """A question with the names that are close to ``name``; empty where none is.

    >>> close_to("txt", ["id", "text"])
    "; did you mean 'text'?"
    """
    close = difflib.get_close_matches(name, names, n=3, cutoff=_CUTOFF)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def _require_numbers(table: str, name: str, values: Sequence[Any]) -> None:
    width = len(values[0]) if values and isinstance(values[0], list) else None
    for row, value in enumerate(values):
        if isinstance(value, list) != (width is not None) or not _is_number(value):
            raise DataError(
                f"{table}: the column {name} is to hold numbers, but row {row} {_found(value)} "
                "(the first such row); correct it"
            )
        if isinstance(value, list) and len(value) != width:
            raise DataError(
                f"{table}: the lists of column {name} differ in length: {width} numbers in row 0, "
                f"{len(value)} in row {row}"
            )


def _is_number(value: Any) -> bool:
    return (
        all(map(_is_number, value)) if isinstance(value, list) else isinstance(value, int | float)
    )


def _found(value: Any) -> str:
    return "is empty" if value is None or value == "" else f"holds {value!r}"
