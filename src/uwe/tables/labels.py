"""A file of labels: the id of an item and its label in each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uwe.errors import DataError
from uwe.tables.opening import open_table
from uwe.tables.row_ids import ID_NAMES, shown_id
from uwe.tables.table import LABEL_NAMES, Table, shown
from uwe.tasks import is_missing

__all__ = ["TRUTH", "LabelRow", "LabelRows", "known_labels", "read_labels", "readable_labels"]

_NO_CLASS = -1

TRUTH: Mapping[str, bool] = {
    "1": True,
    "true": True,
    "yes": True,
    "0": False,
    "false": False,
    "no": False,
    "": False,
}
"""What a cell means that says yes or no."""


@dataclass(frozen=True)
class LabelRow:
    """The label of one item.

    Attributes:
        id: of the item.
        label: as the format has it (text of CSV, any value of JSON); None where there is none.
        line: number of the row in the file, for an error.
        by: who gave the label, or None.
        seconds: how long it took, or None.
        note: a remark, or None.
        skip: whether the item was skipped.
        settled: how the label was decided over several answers, or None for an answer.
    """

    id: str
    label: Any
    line: int
    by: str | None = None
    seconds: float | None = None
    note: str | None = None
    skip: bool = False
    settled: str | None = None

    @property
    def speaker(self) -> tuple[str, str | None, bool]:
        """The item, the person, and whether the person settled it: one label each."""
        return self.id, self.by, self.settled is not None


@dataclass(frozen=True)
class LabelRows:
    """The rows of a file of labels; each id is there once for each person.

    Attributes:
        path: the file.
        rows: in the order of the file.
        unit: ``line`` or ``row``: what ``LabelRow.line`` counts.
        problems: a line for each row, or pair of rows, that was not understood.
    """

    path: Path
    rows: tuple[LabelRow, ...]
    unit: str = "line"
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[LabelRow]:
        return iter(self.rows)

    def where(self, row: LabelRow) -> str:
        """What an error calls a row, such as ``labels.csv: line 3``."""
        return f"{self.path}: {self.unit} {row.line}"


def read_labels(path: Path, encoding: str | None = None) -> LabelRows:
    """The labels in a table with a column ``id`` (or ``ids``) and a column ``label`` (``labels``).

    The columns ``by``, ``seconds``, ``note``, ``skip`` and ``settled`` are read where there are
    any; others are ignored. An empty label, NaN and the -1 of named class numbers are None. Of rows
    in which one person gives an id the same label, the first counts.

    Args:
        path: a table of `uwe.tables.open_table`.
        encoding: of text; None: recognised.

    Raises:
        InputError: the suffix is another.
        DataError: it cannot be read, a column is missing, an id is empty or has two labels of one
            person, ``seconds`` is no number, or ``skip`` is neither true nor false.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
    >>> _ = path.write_text("id,label,by\\na,cat,Ada\\nb,,Ada\\n")
    >>> [(row.id, row.label, row.by, row.line) for row in read_labels(path)]
    [('a', 'cat', 'Ada', 2), ('b', None, 'Ada', 3)]
    """
    found = readable_labels(path, encoding)
    if found.problems:
        raise DataError(found.problems[0])
    return found


def readable_labels(path: Path, encoding: str | None = None) -> LabelRows:
    """As `read_labels`, but rows that cannot be understood are left out and named in ``problems``.

    Args:
        path: as in `read_labels`.
        encoding: as in `read_labels`.

    Raises:
        InputError: the suffix is another.
        DataError: it cannot be read, or a column is missing.
    """
    table = open_table(path, encoding)
    label = table.label_column()
    ids = table.ids()
    if ids is None or label is None:
        lacking = " or ".join(map(repr, ID_NAMES[::-1] if ids is None else LABEL_NAMES))
        raise DataError(
            f"{table.name} has no column {lacking}; its columns are {shown(table.columns)}"
        )
    values = known_labels(table, label)
    given = {name: table.values(name) for name in _OPTIONAL if name in table.columns}
    problems: list[str] = []
    rows: list[LabelRow] = []
    for row, (id_, value) in enumerate(zip(ids, values, strict=True)):
        try:
            more = {name: _read(name, of[row]) for name, of in given.items()}
            if not id_.strip():
                raise ValueError("has no id; add it")
        except ValueError as error:
            problems.append(f"{table.name}: {table.where(row)} {error}")
        else:
            rows.append(LabelRow(id_, _label(value), table.lines[row], **more))
    agreed = list(_agreed(table, rows, problems))
    return LabelRows(path, tuple(agreed), table.unit, tuple(problems))


def known_labels(table: Table, column: str) -> list[Any]:
    """The values of a column of labels, None where there is no label.

    Class numbers that the file names (a ``ClassLabel`` of the hub) are -1 where there is none.

    Raises:
        DataError: there is no such column, or a class number has no name; the row is named.
    """
    values = table.values(column)
    classes = table.classes(column)
    if classes is None:
        return [_label(value) for value in values]
    known = [None if is_missing(value) or value == _NO_CLASS else value for value in values]
    for row, value in enumerate(known):
        if value is not None and not (isinstance(value, int) and 0 <= value < len(classes)):
            raise DataError(
                f"{table.name}: {table.where(row)} of column {column} is class {value!r}, but the "
                f"classes are 0 to {len(classes) - 1}; correct it"
            )
    return known


def _agreed(table: Table, rows: Sequence[LabelRow], problems: list[str]) -> Iterator[LabelRow]:
    """The first row of each id and person; of labels that contradict each other, none."""
    first: dict[tuple[str, str | None, bool], LabelRow] = {}
    against: set[tuple[str, str | None, bool]] = set()
    for row in rows:
        key = row.speaker
        earlier = first.setdefault(key, row)
        if (earlier.label, earlier.skip) != (row.label, row.skip) and key not in against:
            against.add(key)
            problems.append(
                f"{table.name}: the id {shown_id(row.id)} has the label {earlier.label!r} in "
                f"{table.unit} {earlier.line} and {row.label!r} in {table.unit} {row.line}; keep "
                "one"
            )
    yield from (row for key, row in first.items() if key not in against)


def _label(value: Any) -> Any:
    return None if is_missing(value) else value


def _read(name: str, value: Any) -> Any:
    """The value of an optional column.

    Raises:
        ValueError: it is none of this column; the text follows the number of the row.
    """
    try:
        return _OPTIONAL[name](value)
    except (TypeError, ValueError, KeyError):
        raise ValueError(f"holds {value!r} as {name}; {_EXPECTED[name]}") from None


def _text(value: Any) -> str | None:
    return None if _label(value) is None else str(value)


def _seconds(value: Any) -> float | None:
    if _label(value) is None:
        return None
    seconds = float(value)
    if not 0 <= seconds < float("inf"):
        raise ValueError(value)
    return seconds


def _truth(value: Any) -> bool:
    return TRUTH["" if value is None else str(value).strip().lower()]


_OPTIONAL: Mapping[str, Callable[[Any], Any]] = {
    "by": _text,
    "seconds": _seconds,
    "note": _text,
    "skip": _truth,
    "settled": _text,
}
_EXPECTED = {
    "seconds": "give a number of seconds, at least 0, or leave it empty",
    "skip": "use true and false, or 1 and 0",
}
