"""Several files with the same columns as one table."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any, overload

import numpy as np

from uwe.errors import DataError
from uwe.tables.table import Table

__all__ = ["joined"]


def joined(tables: Sequence[Table]) -> Table:
    """The rows of several tables, one after another.

    Raises:
        DataError: their columns differ.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    for other in tables:
        _require_alike(first, other)
    starts = list(accumulate((len(table) for table in tables), initial=0))[:-1]
    return Table(
        first.path,
        first.columns,
        sum(map(len, tables)),
        _Joined(tables),
        f"{first.name} to {tables[-1].path.name}",
        _Lines(tables, starts),
        first.unit,
        first.index,
        lambda row: tables[_at(starts, row)].name,
        tuple(chain.from_iterable(table.files for table in tables)),
    )


def _at(starts: Sequence[int], row: int) -> int:
    """The number of the table that holds a row."""
    return bisect_right(starts, row) - 1


@dataclass(frozen=True)
class _Lines(Sequence[int]):
    """The number of each row's line in its own file.

    Attributes:
        tables: in order.
        starts: the first row of each.
    """

    tables: Sequence[Table]
    starts: Sequence[int]

    def __len__(self) -> int:
        return sum(map(len, self.tables))

    @overload
    def __getitem__(self, row: int) -> int: ...

    @overload
    def __getitem__(self, row: slice) -> Sequence[int]: ...

    def __getitem__(self, row: int | slice) -> int | Sequence[int]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        if not 0 <= row < len(self):
            raise IndexError(row)
        at = _at(self.starts, row)
        return self.tables[at].lines[row - self.starts[at]]


def _require_alike(first: Table, other: Table) -> None:
    here, there = (*first.columns, *first.index), (*other.columns, *other.index)
    missing = next((name for name in here if name not in set(there)), None)
    more = next((name for name in there if name not in set(here)), None)
    if missing is not None or more is not None:
        name, of = (missing, first) if missing is not None else (more, other)
        raise DataError(
            f"the columns of {first.name} and {other.name} differ: only {of.path.name} has "
            f"{name!r}; make them alike"
        )
    for name in here:
        kinds = [(table.cells.classes(name), table.cells.kind(name)) for table in (first, other)]
        if kinds[0] != kinds[1]:
            raise DataError(
                f"the columns of {first.name} and {other.name} differ: {name!r} holds "
                f"{kinds[0][1]} in one and {kinds[1][1]} in the other; make them alike"
            )


@dataclass(frozen=True)
class _Joined:
    """Cells of several tables.

    Attributes:
        tables: with the same columns.
    """

    tables: Sequence[Table]

    def stream(self, name: str) -> Iterator[Any]:
        return chain.from_iterable(table.cells.stream(name) for table in self.tables)

    def take(self, name: str, rows: Sequence[int]) -> dict[int, Any]:
        found: dict[int, Any] = {}
        start = 0
        for table in self.tables:
            here = [row - start for row in rows if start <= row < start + len(table)]
            if here:
                found |= {start + row: v for row, v in table.cells.take(name, here).items()}
            start += len(table)
        return found

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        parts = [table.numbers(name) for table in self.tables]
        for table, part in zip(self.tables, parts, strict=True):
            if part.shape[1:] != parts[0].shape[1:]:
                raise DataError(
                    f"column {name!r} is of shape {list(parts[0].shape[1:])} a row in "
                    f"{self.tables[0].name} and {list(part.shape[1:])} in {table.name}"
                )
        return np.concatenate(parts)

    def classes(self, name: str) -> tuple[str, ...] | None:
        return self.tables[0].cells.classes(name)

    def is_plain(self, name: str) -> bool:
        return all(table.cells.is_plain(name) for table in self.tables)

    def kind(self, name: str) -> str:
        return self.tables[0].cells.kind(name)
