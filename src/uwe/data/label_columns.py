"""The labels of a table: which column holds them, which task they are of, and their targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uwe.errors import DataError, InputError, close_matches
from uwe.tables import LABEL_NAMES, Table, read_labels
from uwe.tables.cells import number_of
from uwe.tasks import Array, Task, find_task, is_missing

__all__ = ["LabelSource", "TableTargets", "joined_names", "number_in", "read_targets"]

_MOST_CLASSES = 100
_SHOWN = 3


@dataclass(frozen=True)
class LabelSource:
    """Where the labels of tables are, and what they are labels of.

    Attributes:
        column: the column of labels; several names with commas are columns of 0 and 1 of a
            multi-label task; None: ``label`` or ``labels``.
        file: a file of ids and labels instead.
        task: name of the task; None: guessed.
        task_options: options of the task.
        encoding: of the file, if it is text; None: recognised.
    """

    column: str | None = None
    file: Path | None = None
    task: str | None = None
    task_options: Mapping[str, Any] | None = None
    encoding: str | None = None

    def columns(self, table: Table) -> list[str]:
        """The columns of a table that hold its labels; none where a file has them."""
        if self.column is not None and self.column not in table.columns and "," in self.column:
            return [name.strip() for name in self.column.split(",")]
        named = self.column or table.first(LABEL_NAMES)
        if named is None and self.file is not None:
            return []
        return [named or LABEL_NAMES[0]]


@dataclass(frozen=True)
class TableTargets:
    """The targets of one table or two.

    Attributes:
        task: what is learnt.
        targets: of each table, some of them missing.
        note: how the task was found, for the log; empty where it was given.
    """

    task: Task
    targets: list[Array]
    note: str = ""


def read_targets(
    tables: Sequence[Table], source: LabelSource, ids: Sequence[Sequence[str] | None]
) -> TableTargets:
    """The targets of tables, of which the first says which classes there are.

    Args:
        tables: the pool, and the test rows if they are a table of their own.
        source: where the labels are.
        ids: of the rows of each table, for a file of labels.

    Raises:
        InputError: the task cannot be told from the labels, or an option does not fit.
        DataError: a column is missing, no row has a label, or a label is of another kind; table
            and row are named.
    """
    columns = source.columns(tables[0])
    if len(columns) > 1:
        return _flags(tables, columns, source)
    if source.file is not None:
        values = _from_file(source.file, tables, ids, source.encoding)
        names, what = None, str(source.file)
    else:
        values = [table.values(columns[0]) for table in tables]
        names, what = tables[0].classes(columns[0]), f"column {columns[0]}"
    _require_labels(tables[0].name, what, values[0])
    task, note = source.task, ""
    if task is None:
        task, why = _guessed(tables[0].name, what, values[0], has_names=names is not None)
        note = f"{tables[0].name}: the task is {task}, since {what} holds {why}"
    options = dict(source.task_options or {})
    read: Callable[..., TableTargets] = _READERS.get(task, _encoded)
    made = read(tables, values, names, task, options)
    return TableTargets(made.task, made.targets, note)


def _require_labels(table: str, what: str, values: Sequence[Any]) -> None:
    """Refuse a table of which nothing is known.

    Raises:
        DataError: every label is missing.
    """
    if all(is_missing(value) for value in values):
        raise DataError(
            f"{table}: {what} holds no label, so no oracle can be simulated; 'uwe init' makes a "
            "project in which people label it"
        )


def _guessed(table: str, what: str, values: Sequence[Any], *, has_names: bool) -> tuple[str, str]:
    """The task that the labels are of, and the words that say why.

    Raises:
        InputError: it cannot be told.
    """
    known = [value for value in values if not is_missing(value)]
    if any(isinstance(value, list | tuple | np.ndarray) for value in known):
        return "multilabel", "lists"
    distinct = {value.strip() if isinstance(value, str) else value for value in known}
    numbers = [number_in(value) for value in distinct]
    classes = f"{len(distinct)} class{'es' if len(distinct) != 1 else ''}"
    if has_names or any(number is None for number in numbers):
        return "classification", classes + _hint(distinct)
    if any(not float(number or 0).is_integer() for number in numbers):
        return "regression", "numbers with fractions"
    if len(distinct) <= min(_MOST_CLASSES, len(known) / 2):
        return "classification", classes
    raise InputError(
        f"{table}: {what} holds {len(distinct):,} different whole numbers in {len(known):,} rows, "
        "which may be classes or amounts; give --task classification or --task regression"
    )


def _hint(distinct: Collection[Any]) -> str:
    """What to do where the names of classes may be lists of classes."""
    joined = joined_names(distinct)
    if not joined:
        return ""
    return f" such as {joined[0]!r}; --task multilabel reads several classes a row"


def joined_names(names: Collection[Any]) -> list[str]:
    """The names that seem to list several of the others; empty where no part is a name itself.

    >>> joined_names({"a", "b", "a|b"}), joined_names({"a|b", "c"})
    (['a|b'], [])
    """
    joined = sorted(name for name in names if isinstance(name, str) and "|" in name)
    parts = {part.strip() for name in joined for part in name.split("|")}
    return joined if parts & set(names) else []


def number_in(value: Any) -> float | None:
    """The number that a cell holds; None where it holds none.

    >>> number_in(" 1.5"), number_in("crow"), number_in("nan")
    (1.5, None, None)
    """
    if isinstance(value, bool | np.bool_):
        return None
    try:
        number = number_of(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _classes(
    tables: Sequence[Table],
    values: Sequence[Sequence[Any]],
    names: tuple[str, ...] | None,
    task: str,
    options: Mapping[str, Any],
) -> TableTargets:
    """Class numbers, in the order of the sorted values of the first table."""
    values = [[_without_missing(value, names) for value in of] for of in values]
    try:
        distinct = sorted({value for value in values[0] if value is not None})
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in values[0] if value is not None})
        raise DataError(
            f"{tables[0].name}: the labels are of several types ({', '.join(kinds)}); write them "
            "alike"
        ) from error
    known = {value: at for at, value in enumerate(distinct)}
    for table, of in zip(tables, values, strict=True):
        unknown = (row for row, value in enumerate(of) if value is not None and value not in known)
        row = next(unknown, None)
        if row is not None:
            raise DataError(
                f"{table.name}: the label {of[row]!r} of row {row} is none of the "
                f"{len(known)} classes of the training rows"
            )
    named = [str(value if names is None else names[value]) for value in distinct]
    made = find_task(task, named, **options)
    return TableTargets(made, [
        made.targets.array([None if value is None else known[value] for value in of])
        for of in values
    ])  # fmt: skip


def _without_missing(value: Any, names: tuple[str, ...] | None) -> Any:
    """None for an empty label, and for -1 among class numbers that have names."""
    return None if is_missing(value) or (names is not None and value == -1) else value


def _encoded(
    tables: Sequence[Table],
    values: Sequence[Sequence[Any]],
    names: tuple[str, ...] | None,
    task: str,
    options: Mapping[str, Any],
) -> TableTargets:
    """Targets by the task's own way of reading labels; classes are those that occur."""
    del names
    split = find_task(task, _occurring(values[0], task), **options)
    return TableTargets(split, [
        split.targets.array([_one(split, table, row, value) for row, value in enumerate(of)])
        for table, of in zip(tables, values, strict=True)
    ])  # fmt: skip


def _occurring(values: Sequence[Any], task: str) -> tuple[str, ...]:
    """The names of classes that occur in lists, or in texts separated by ``|`` or ``;``."""
    if task != "multilabel":
        return ()
    from uwe.tasks.targets import names_in  # the way in which `Flags` reads them

    return tuple(sorted({name for value in values for name in names_in(value) or ()}))


def _one(task: Task, table: Table, row: int, value: Any) -> Any:
    try:
        return task.targets.encode(value)
    except InputError as error:
        raise DataError(f"{table.name}: {table.where(row)}: {error}") from error


def _flags(tables: Sequence[Table], columns: list[str], source: LabelSource) -> TableTargets:
    """Several columns of 0 and 1, whose names are the classes."""
    if source.task not in (None, "multilabel"):
        raise InputError(
            f"--label names {len(columns)} columns, which are flags of a multi-label task, but "
            f"--task is {source.task}"
        )
    task = find_task("multilabel", columns, **dict(source.task_options or {}))
    _require_labels(
        tables[0].name,
        f"columns {', '.join(columns)}",
        [value for name in columns for value in tables[0].values(name)],
    )
    targets = []
    for table in tables:
        flags = np.stack([_flag_column(table, name) for name in columns], axis=1)
        partly = np.flatnonzero((flags == -1).any(1) & ~(flags == -1).all(1))
        if len(partly):
            raise DataError(
                f"{table.name}: {table.where(int(partly[0]))} has some of its flags only; fill or "
                "empty all of them"
            )
        targets.append(flags)
    return TableTargets(task, targets)


def _flag_column(table: Table, name: str) -> Array:
    flags = np.full(len(table), -1, dtype=np.int8)
    for row, value in enumerate(table.values(name)):
        if is_missing(value):
            continue
        number = number_in(value) if not isinstance(value, bool) else float(value)
        if number not in (0.0, 1.0):
            raise DataError(
                f"{table.name}: {table.where(row)} of column {name} holds {value!r}, which is "
                "neither 0 nor 1"
            )
        flags[row] = number
    return flags


def _from_file(
    path: Path,
    tables: Sequence[Table],
    ids: Sequence[Sequence[str] | None],
    encoding: str | None = None,
) -> list[list[Any]]:
    """The labels of a file for the rows of each table, by id."""
    rows = read_labels(path, encoding)
    label_of: dict[str, Any] = {}
    for row in rows:
        if label_of.setdefault(row.id, row.label) != row.label:
            raise DataError(f"{rows.where(row)}: the id {row.id!r} has two labels; keep one")
    known: set[str] = set()
    values = []
    for table, names in zip(tables, ids, strict=True):
        if names is None:
            raise DataError(
                f"{table.name} has no column id or ids, so the labels of {path} cannot be joined"
            )
        values.append([label_of.get(name) for name in names])
        known.update(names)
    require_ids(path, list(label_of), known)
    return values


def require_ids(path: Path, ids: Sequence[str], known: set[str]) -> None:
    """Refuse ids of a file that no item has.

    Raises:
        DataError: there are some; the first are named, with a close match.
    """
    unknown = [name for name in ids if name not in known]
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        close = close_matches(unknown[0], list(known)[:10_000])
        hint = f"; did you mean {close[0]!r}?" if close else ""
        named = ", ".join(map(repr, unknown[:_SHOWN]))
        raise DataError(f"{path} has labels for {named}{more}, which the data does not hold{hint}")


_READERS: Mapping[str, Callable[..., TableTargets]] = {"classification": _classes}
"""How labels are read, by the task; others are read by the task itself."""
