"""From the flags of wishes to `uwe.Wishes`, by the columns of a pool."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uwe._files import expanded
from uwe._types import FloatArray, Rows
from uwe.cli.wish_flags import FILE, WishFlags, quota_parts, weight_parts
from uwe.errors import InputError, UweError
from uwe.tables import ID_NAMES, Table, encoding_of, matched, open_table, read_ids, shown_id

if TYPE_CHECKING:
    from uwe.strategies import Quota, Wishes

__all__ = ["Columns", "say_notes", "wishes_of"]

_PREDICTED = "predicted"
_FEW = 3


@dataclass(frozen=True)
class Columns:
    """The columns that wishes may name.

    Attributes:
        path: of the pool, for errors.
        ids: of all rows.
        typed: gives a column as an Arrow array with a type.
        encoding: of text files beside the pool; None: recognised.
    """

    path: object
    ids: Sequence[str]
    typed: Callable[[str], Any]
    encoding: str | None = None
    _read: dict[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> Any:
        """A column, read once."""
        if name not in self._read:
            self._read[name] = self.typed(name)
        return self._read[name]


def wishes_of(flags: WishFlags, columns: Columns) -> Wishes:
    """The wishes that the flags say; standard error says what a condition keeps.

    Args:
        flags: checked.
        columns: of the pool.

    Raises:
        InputError: a condition, a quota or a weight does not fit its column, or an id is unknown.
        DataError: a column is not there or cannot be read.
    """
    from uwe.strategies import Wishes

    columns = _with_table(flags.columns_from, columns)
    words = {"where": flags.where, "weight": flags.weight}
    where = None if flags.where is None else _kept(flags.where, columns)
    column, power = ("", 1.0) if flags.weight is None else weight_parts(flags.weight)
    return Wishes(
        where=where,
        min_distance=flags.min_distance,
        quota=None if flags.quota is None else _quota(flags.quota, columns),
        weight=None if flags.weight is None else _numbers(column, columns, where),
        power=power,
        like=_rows_named("--like", flags.like, columns),
        unlike=_rows_named("--unlike", flags.unlike, columns),
        random_share=flags.random_share or 0.0,
        words={name: text for name, text in words.items() if text is not None},
    )


def say_notes(notes: Sequence[str]) -> None:
    """Say on standard error what was done to keep to the wishes."""
    for note in notes:
        print(note, file=sys.stderr)


def _kept(condition: str, columns: Columns) -> Any:
    """A mask of the rows that meet a condition."""
    from uwe.tables.conditions import met

    found = met(condition, columns.column)
    n, kept = len(found.rows), int(found.rows.sum())
    if n != len(columns.ids):
        raise InputError(
            f"--where reads {n:,} rows, but {columns.path} has {len(columns.ids):,} rows"
        )
    unknown = ""
    if found.unknown:
        rows = "row has" if found.unknown == 1 else "rows have"
        unknown = f"; {found.unknown:,} {rows} no value in {_listed(found.columns)}"
    print(f"--where keeps {kept:,} of {n:,} rows{unknown}", file=sys.stderr)
    return found.rows


def _listed(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names[:_FEW])) + (" or others" if len(names) > _FEW else "")


def _quota(text: str, columns: Columns) -> Quota:
    from uwe.strategies import Quota

    name, shares, is_quoted = quota_parts(text)
    if name == _PREDICTED and not is_quoted:
        return Quota(_PREDICTED, shares)
    with _of_flag("--quota"):
        values = columns.column(name).to_pylist()
    return Quota([_group(value) for value in values], shares, name=name)


def _group(value: Any) -> Any:
    """A value as a file of text writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if hasattr(value, "isoformat") else value


def _numbers(name: str, columns: Columns, where: Any) -> FloatArray:
    """The numbers of a column; 0 where there is none and the row is not picked anyhow.

    Raises:
        InputError: the column holds no numbers, or none in a row that may be picked.
    """
    from uwe.tables.typed import KINDS, kind_of

    with _of_flag("--weight"):
        array = columns.column(name)
    kind = kind_of(array.type) or "nothing"
    if kind != "number":
        raise InputError(
            f"--weight: column {name!r} holds {KINDS[kind]}; a weight is a number of at least 0"
        )
    numbers = np.asarray(array.cast("float64").to_numpy(zero_copy_only=False), dtype=np.float64)
    missing = np.isnan(numbers) if where is None else np.isnan(numbers) & where
    if missing.any():
        raise InputError(
            f"--weight: column {name!r} has no number in {int(missing.sum()):,} of "
            f'{len(numbers):,} rows; fill them, or leave them out with --where "… is not null"'
        )
    negative = np.flatnonzero(numbers < 0)
    if len(negative):
        row = int(negative[0])
        raise InputError(
            f"--weight: column {name!r} holds {numbers[row]:g} for {shown_id(columns.ids[row])}; a "
            "weight is a number of at least 0"
        )
    return np.nan_to_num(numbers, nan=0.0, posinf=np.inf)


@contextmanager
def _of_flag(flag: str) -> Iterator[None]:
    """Name the flag in an error about its column."""
    try:
        yield
    except UweError as error:
        raise type(error)(f"{flag}: {error}") from None


def _rows_named(flag: str, texts: Sequence[str] | None, columns: Columns) -> Rows | None:
    """The rows of ids in texts and files; None where there is no such flag.

    Raises:
        InputError: an id is not in the pool, or none is given.
    """
    if texts is None:
        return None
    names = [name for text in texts for name in _ids_in(text, columns.encoding)]
    if not names:
        raise InputError(f"{flag} names no id; write ids separated by commas, or @FILE")
    found = list(matched(names, columns.ids))
    unknown = next((name for name, row in zip(names, found, strict=True) if row is None), None)
    if unknown is not None:
        raise InputError(
            f"{flag} has the id {shown_id(unknown)}, but {columns.path} has no such id; its ids "
            f"are such as {shown_id(columns.ids[0])}. A file of ids, and ids with a comma, are "
            f"given by {flag} @FILE"
        )
    return np.unique(np.array(found, dtype=np.int64))


def _ids_in(text: str, encoding: str | None) -> list[str]:
    if not text.startswith(FILE):
        return [name.strip() for name in text.split(",") if name.strip()]
    path = expanded(Path(text.removeprefix(FILE)))
    return read_ids(path, encoding_of(path, encoding))


def _with_table(path: Path | None, columns: Columns) -> Columns:
    """The columns of the pool, and those of a table, which come first."""
    if path is None:
        return columns
    table = open_table(expanded(path), encoding_of(expanded(path), columns.encoding))
    places = _places(table, columns)

    def typed(name: str) -> Any:
        from uwe.tables.typed import typed_column

        if name in table.columns and name not in ID_NAMES:
            return typed_column(table, name).take(places)
        try:
            return columns.typed(name)
        except UweError:
            table.require(name)
            raise

    return Columns(columns.path, columns.ids, typed, columns.encoding)


def _places(table: Table, columns: Columns) -> Any:
    """The row of the table for each row of the pool; null where the table has none."""
    import pyarrow as arrow

    ids = table.checked_ids()
    if ids is None:
        raise InputError(f"--columns-from {table.name} has no column id; its rows cannot be placed")
    places = list(matched(columns.ids, ids))
    missing = sum(place is None for place in places)
    if missing == len(places):
        raise InputError(
            f"--columns-from {table.name} has none of the {len(places):,} ids of {columns.path}; "
            f"they are such as {shown_id(columns.ids[0])} there and {shown_id(ids[0])} in the table"
        )
    if missing:
        print(
            f"--columns-from {table.name} has no row for {missing:,} of {len(places):,} rows of "
            f"{columns.path}; they have no values",
            file=sys.stderr,
        )
    return arrow.array(places, arrow.int64())
