"""The labels of a table: which column holds them, which task they are of, and their targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from uwe.data.labels import odd_classes
from uwe.errors import DataError, InputError, close_matches
from uwe.tables import LABEL_NAMES, IdRows, Table, read_labels, shown_id
from uwe.tables.cells import number_of
from uwe.tables.labels import known_labels
from uwe.tasks import Array, Task, find_task, is_missing
from uwe.tasks.targets import as_name, merged_names

__all__ = [
    "LabelSource",
    "TableTargets",
    "class_name",
    "joined_names",
    "labels_by_row",
    "number_in",
    "read_targets",
]

_MOST_CLASSES = 100
_NUMBERS = (int, float, Decimal, np.integer, np.floating)
_SHOWN = 3
_COMPARED = 10_000


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
        named = self.column or table.label_column()
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
        values = [known_labels(table, columns[0]) for table in tables]
        names, what = tables[0].classes(columns[0]), f"column {columns[0]}"
    _require_labels(tables[0].name, what, values[0])
    if source.task in (None, "classification"):
        for table, of in zip(tables, values, strict=True):
            _refuse_objects(table.name, what, of)
    task, note = source.task, ""
    if task is None:
        task, why = _guessed(tables[0].name, what, values[0], has_names=names is not None)
        note = f"{tables[0].name}: the task is {task}, since {what} holds {why}"
    options = dict(source.task_options or {})
    read: Callable[..., TableTargets] = _READERS.get(task, _encoded)
    made = read(tables, values, names, task, options)
    odd = made.note and f"{tables[0].name}: {made.note}"
    return TableTargets(made.task, made.targets, "; ".join(filter(None, (note, odd))))


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


def _refuse_objects(table: str, what: str, values: Sequence[Any]) -> None:
    """Refuse labels that are structures or bytes, which have no name.

    Raises:
        DataError: one is; its row is named.
    """
    for row, value in enumerate(values):
        if isinstance(value, Mapping | bytes):
            kind = "bytes" if isinstance(value, bytes) else "a structure"
            raise DataError(
                f"{table}: {what} holds {kind} in row {row} (the first such row); write labels as "
                "text or as numbers"
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
    names = set(merged_names(map(class_name, distinct)).values())
    classes = f"{len(names)} class{'es' if len(names) != 1 else ''}"
    if has_names or any(number is None for number in numbers):
        return "classification", classes + _hint(distinct)
    if any(not float(number or 0).is_integer() for number in numbers):
        return "regression", "numbers with fractions"
    if len(names) <= min(_MOST_CLASSES, len(known) / 2):
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


def class_name(value: Any) -> str:
    """The name of the class that a cell of a table holds: ``1``, ``1.0`` and ``"1"`` are one class.

    >>> class_name(" rook"), class_name(1.0), class_name(0.5)
    ('rook', '1', '0.5')
    """
    if isinstance(value, list | dict | tuple | np.ndarray):
        raise InputError(f"{value!r} is not the name of a class")
    whole = isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value)
    if whole or isinstance(value, str | int | np.integer):
        return as_name(value)
    return str(value)


def _classes(
    tables: Sequence[Table],
    values: Sequence[Sequence[Any]],
    names: tuple[str, ...] | None,
    task: str,
    options: Mapping[str, Any],
) -> TableTargets:
    """Class numbers, in the order of the sorted values of the first table."""
    if names is None:
        _require_one_type(tables[0].name, values[0])
        classes, found = _named(values)
    else:
        numbers = sorted({value for value in values[0] if value is not None})
        classes, found = [names[number] for number in numbers], _places(values, numbers)
    for table, of, given in zip(tables, found, values, strict=True):
        row = next((row for row, at in enumerate(of) if at == _UNKNOWN), None)
        if row is not None:
            raise DataError(
                f"{table.name}: the label {given[row]!r} of row {row} is none of the "
                f"{len(classes)} classes of the training rows"
            )
    made = find_task(task, classes, **options)
    return TableTargets(made, [made.targets.array(of) for of in found], odd_classes(classes))


_UNKNOWN = -2


def _named(values: Sequence[Sequence[Any]]) -> tuple[list[str], list[list[int | None]]]:
    """The names of classes, and the class of each label; numbers are in their own order."""
    named = [[None if value is None else class_name(value) for value in of] for of in values]
    known = [value for value in values[0] if value is not None]
    merged = merged_names(name for of in named for name in of if name is not None)
    named = [[None if name is None else merged[name] for name in of] for of in named]
    names = {name for name in named[0] if name is not None}
    are_numbers = all(
        isinstance(value, _NUMBERS) and not isinstance(value, bool) for value in known
    )
    classes = sorted(names, key=Decimal) if are_numbers else sorted(names)
    return classes, _places(named, classes)


def _places(values: Sequence[Sequence[Any]], classes: Sequence[Any]) -> list[list[int | None]]:
    at = {name: place for place, name in enumerate(classes)}
    return [[None if value is None else at.get(value, _UNKNOWN) for value in of] for of in values]


def _require_one_type(table: str, values: Sequence[Any]) -> None:
    """Refuse labels of which nobody can tell whether ``True`` is ``1``, or ``3`` a word.

    Raises:
        DataError: truth values stand beside others, or numbers beside words.
    """
    known = [value for value in values if value is not None]
    kinds = {type(value).__name__ for value in known}
    truths = {isinstance(value, bool | np.bool_) for value in known}
    numbers = {number_in(value) is not None for value in known}
    texts = {isinstance(value, str) for value in known}
    if (len(truths) > 1 and kinds != {"bool", "str"}) or (len(numbers) > 1 and len(texts) > 1):
        raise DataError(
            f"{table}: the labels are of several types ({', '.join(sorted(kinds))}); write them "
            "alike"
        )


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
    lists: list[Sequence[str]] = []
    for table, names in zip(tables, ids, strict=True):
        if names is None:
            raise DataError(
                f"{table.name} has no column id or ids, so the labels of {path} cannot be joined"
            )
        lists.append(names)
    return labels_by_row(path, lists, encoding)


def labels_by_row(
    path: Path, lists: Sequence[Sequence[str]], encoding: str | None = None
) -> list[list[Any]]:
    """The labels of a file of ids and labels, one for each id of each list; None where it has none.

    Args:
        path: of the file.
        lists: ids of the rows, each list without repeats.
        encoding: of text; None: recognised.

    Raises:
        DataError: the file cannot be read, an id has two labels, or no row has it.
    """
    rows = read_labels(path, encoding)
    finders = [IdRows(ids) for ids in lists]
    values: list[list[Any]] = [[None] * len(ids) for ids in lists]
    told: set[tuple[int, int]] = set()
    unknown = []
    for row in rows:
        places = [(at, place) for at, of in enumerate(finders)
                  if (place := of.row_of(row.id)) is not None]  # fmt: skip
        if not places:
            unknown.append(row.id)
        for at, place in places:
            if (at, place) in told and values[at][place] != row.label:
                raise DataError(
                    f"{rows.where(row)}: the id {shown_id(row.id)} has two labels; keep one"
                )
            told.add((at, place))
            values[at][place] = row.label
    _require_ids(path, unknown, lists)
    return values


def _require_ids(path: Path, unknown: Sequence[str], lists: Sequence[Sequence[str]]) -> None:
    """Refuse ids of a file that no item has; the first are named, with a close match."""
    if unknown:
        known = [name for ids in lists for name in ids[:_COMPARED]]
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        close = close_matches(unknown[0], known[:_COMPARED])
        hint = f"; did you mean {shown_id(close[0])}?" if close else ""
        named = ", ".join(map(shown_id, unknown[:_SHOWN]))
        raise DataError(f"{path} has labels for {named}{more}, which the data does not hold{hint}")


_READERS: Mapping[str, Callable[..., TableTargets]] = {"classification": _classes}
"""How labels are read, by the task; others are read by the task itself."""
