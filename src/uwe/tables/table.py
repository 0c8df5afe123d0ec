"""A table as named columns, in any format."""

from __future__ import annotations

import difflib
import itertools
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from uwe._arrays import say_rounds
from uwe.errors import DataError
from uwe.tables.cells import BadCell, Cells, found_in, number_of, taken
from uwe.tables.row_ids import ID_NAMES, as_ids, checked_ids, id_column
from uwe.tables.vectors import is_vector, read_vectors

__all__ = [
    "ID_NAMES",
    "LABEL_NAMES",
    "UNNAMED",
    "Listed",
    "Table",
    "about_index",
    "blocks_of",
    "without_index",
]

log = logging.getLogger("uwe")

LABEL_NAMES = ("label", "labels")
"""Names of the column of labels; a table has one of them."""

UNNAMED = "Unnamed: "
"""How the name of an index without a name begins, as pandas calls it."""

_INDEX = re.compile(r"__index_level_\d+__")
_UNNAMED = re.compile(rf"{UNNAMED}\d+(\.\d+)*")
_NUMBERED = re.compile(r"(?P<block>.*?)[_.\-]?(?P<number>\d+)")
_NAMED_BLOCKS: Mapping[str, re.Pattern[str]] = {
    "probs": re.compile(r"prob(?:s|a|as|ability|abilities)?[_.\-](?P<name>.+)"),
    "logits": re.compile(r"logits?[_.\-](?P<name>.+)"),
}
_CUTOFF = 0.5
_LOOKED_AT = 20  # rows
_EXACT = 2**53  # from here on float64 rounds whole numbers
_LARGEST = 2**1024 - 2**970  # from here on float64 has no whole numbers
_COMPARED = 1000  # rows with such numbers
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,400}\s*")
_NAMES_IN_A_QUESTION = 10_000


@dataclass(frozen=True)
class Listed:
    """Cells that are lists of values of Python.

    Attributes:
        column: gives the values of a column.
    """

    column: Callable[[str], list[Any]]

    def stream(self, name: str) -> Iterator[Any]:
        """The values of one column, one after another."""
        return iter(self.column(name))

    def take(self, name: str, rows: Sequence[int]) -> dict[int, Any]:
        """The values of some rows of one column, by row."""
        return taken(self.stream(name), rows)

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        """The numbers of one column; lists of one length, and vectors in text, as ``[n, d]``.

        Raises:
            BadCell: a value is empty, is no number, or lists differ in length.
        """
        values = self.column(name)
        if values and is_vector(values[0]):
            return read_vectors(values)
        _require_numbers(values)
        array = np.array(values)
        if array.dtype.kind in "biuf":
            return array
        try:
            return np.array(values, dtype=np.float64)
        except OverflowError:
            row = next(row for row, value in enumerate(values) if not _fits(value))
            raise BadCell(row, "holds a number that is too large for float64") from None

    def classes(self, name: str) -> tuple[str, ...] | None:  # noqa: ARG002  (as the protocol has it)
        """None: the format has no class names."""
        return None

    def is_plain(self, name: str) -> bool:
        """Whether a column holds no lists and no objects."""
        return not any(isinstance(value, list | dict | bytes) for value in self.column(name))

    def kind(self, name: str) -> str:  # noqa: ARG002  (as the protocol has it)
        """Values of any kind."""
        return "values"


@dataclass(frozen=True)
class Table:
    """A table whose columns are read when they are asked for.

    Attributes:
        path: the file, or the first of several.
        columns: names, in order, without those of an index.
        n: rows.
        cells: reads a column.
        name: what an error calls the table.
        lines: for each row its number for an error: the line of a text file, else the row.
        unit: ``line`` or ``row``: what these numbers count.
        index: columns that number or name the rows of a data frame. They are read where they are
            asked for by name, and are no features.
        place: names the file of a row, where there are several.
        files: that the table is in; ``path`` alone if none are given.
    """

    path: Path
    columns: tuple[str, ...]
    n: int
    cells: Cells = field(repr=False)
    name: str
    lines: Sequence[int] = field(repr=False)
    unit: str = field(default="row", repr=False)
    index: tuple[str, ...] = ()
    place: Callable[[int], str] | None = field(default=None, repr=False)
    files: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", self.files or (self.path,))

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
        found: list[dict[str, Any]] = [{} for _ in rows]
        for name in self.plain if names is None else names:
            self.require(name)
            here = self.cells.take(name, rows)
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
        return self._numbers(name)

    def texts(self, name: str) -> list[str]:
        """The texts of a column.

        Raises:
            DataError: there is no such column, or a row of it is empty or holds no text.
        """
        values = self.values(name)
        for row, value in enumerate(values):
            if not isinstance(value, str) or not value.strip():
                raise self.bad_cell(row, name, found_in(value, "text"))
        return values

    def is_text(self, name: str) -> bool:
        """Whether most of the first cells of a column are texts that are no numbers."""
        rows = range(min(len(self), _LOOKED_AT))
        texts = sum(_is_word(each[name]) for each in self.at(rows, [name]))
        return 2 * texts > len(rows)

    def bad_cell(self, row: int, name: str, problem: str) -> DataError:
        """An error that names line, file and column.

        Args:
            row: of the table.
            name: of the column.
            problem: what follows, such as ``is empty``.
        """
        return DataError(
            f"{self.unit} {self.lines[row]} of {self._file(row)}: column {name!r} {problem}; "
            f"correct the {self.unit}"
        )

    def _file(self, row: int) -> str:
        return self.name if self.place is None else self.place(row)

    def _numbers(self, name: str) -> np.ndarray[Any, Any]:
        try:
            numbers = self.cells.numbers(name)
        except BadCell as bad:
            if bad.row is None:
                raise DataError(
                    f"{self.name}: column {name!r} {bad.problem}; convert the column, or leave it "
                    "out"
                ) from None
            raise self.bad_cell(bad.row, name, bad.problem) from None
        if numbers.ndim == 1 and numbers.dtype == np.float64:
            self._say_rounded(name, numbers)
        return numbers

    def _say_rounded(self, name: str, numbers: np.ndarray[Any, Any]) -> None:
        """Say which whole number was rounded in reading it from text, if one was."""
        rows = np.flatnonzero(np.isfinite(numbers) & (np.abs(numbers) >= _EXACT))[:_COMPARED]
        here = self.cells.take(name, rows.tolist()) if len(rows) else {}
        for row in rows.tolist():
            cell = _whole(here[row])
            if cell is not None and cell != int(numbers[row]):
                say_rounds(
                    f"{self.unit} {self.lines[row]} of {self._file(row)}: column {name!r}", cell
                )
                return

    def classes(self, name: str) -> tuple[str, ...] | None:
        """The class names of a column of class numbers, or of a block of named columns.

        None where the file has none.

        Raises:
            DataError: there is no such column or block.
        """
        if name in self.blocks:
            return self._class_names(name)
        self.require(name)
        return self.cells.classes(name)

    def ids(self, name: str | None = None) -> list[str] | None:
        """The ids as text, ``""`` where one is empty; None where no column is called ids or id.

        Args:
            name: another column to take.

        Raises:
            DataError: a value is no id, or the table has both ``ids`` and ``id``.
        """
        column = self.id_column() if name is None else name
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
            column = name or self.id_column()
            checked_ids(ids, f"{self.name}: {column}")
        return ids

    def id_column(self) -> str | None:
        """The column called ``ids`` or ``id``, or None; the log says where one is called ``ID``.

        Raises:
            DataError: there are both.
        """
        found = id_column([name for name in ID_NAMES if self.first([name])], self.name)
        alike = [name for name in self.columns if name.lower() in ID_NAMES]
        if found is None and alike:
            log.warning(
                "%s: column %r is data like any other; call it 'id' if it holds ids",
                self.name, alike[0],
            )  # fmt: skip
        return found

    def first(self, names: Sequence[str]) -> str | None:
        """The first of ``names`` that is a column, or None."""
        return next((name for name in names if name in self._known), None)

    def label_column(self) -> str | None:
        """The column called ``label`` or ``labels``, or None.

        Raises:
            DataError: there are both, so that one would be taken for data.
        """
        found = [name for name in LABEL_NAMES if name in self._known]
        if len(found) > 1:
            raise DataError(
                f"{self.name} has {found[0]!r} and {found[1]!r}, and both stand for labels; rename "
                "or remove one"
            )
        return found[0] if found else None

    def require(self, name: str) -> None:
        """Check that there is a column ``name``.

        Raises:
            DataError: there is none; the columns, or those of a similar name, are listed.
        """
        if name not in self._known:
            raise DataError(
                f"{self.name} has no column {name!r}; its columns are {shown(self.columns)}"
                + close_to(name, self.columns)
            )

    def where(self, row: int) -> str:
        """What an error calls a row: ``line 3``, or ``row 1`` of a format without lines."""
        where = f"{self.unit} {self.lines[row]}"
        return where if self.place is None else f"{where} of {self.place(row)}"

    @cached_property
    def _known(self) -> frozenset[str]:
        """The names of all columns."""
        return frozenset((*self.columns, *self.index))

    @cached_property
    def blocks(self) -> dict[str, list[str]]:
        """The blocks that are no columns themselves, with their columns in order.

        Numbered blocks, and the blocks ``probs`` and ``logits`` of columns that name classes, such
        as ``prob_cat`` and ``prob_dog``.
        """
        found = blocks_of(self.columns)
        for block, pattern in _NAMED_BLOCKS.items():
            named = [name for name in self.columns if pattern.fullmatch(name)]
            if block not in found and len(named) > 1:
                found[block] = self._in_order(named, found)
        return {block: of for block, of in found.items() if block not in self._known}

    def _in_order(self, named: list[str], numbered: Mapping[str, list[str]]) -> list[str]:
        """By number if all have one and the same beginning, else as they stand in the table."""
        return next((of for of in numbered.values() if set(of) == set(named)), named)

    def _class_names(self, block: str) -> tuple[str, ...] | None:
        pattern, names = _NAMED_BLOCKS.get(block), self.blocks[block]
        if pattern is None or all(_NUMBERED.fullmatch(name) for name in names):
            return None
        found = [pattern.fullmatch(name) for name in names]
        return tuple(match["name"] for match in found if match)

    def _stacked(self, block: str) -> np.ndarray[Any, Any]:
        names = self.blocks[block]
        self._require_whole(block, names)
        columns = [self._numbers(name) for name in names]
        for name, column in zip(names, columns, strict=True):
            if column.ndim != 1:
                raise DataError(f"{self.name}: column {name!r} of block {block!r} holds lists")
        return np.stack(columns, axis=1)

    def _require_whole(self, block: str, names: Sequence[str]) -> None:
        """Check that a block has each number once, from 0 or 1, or class names alone.

        Raises:
            DataError: a number is missing or repeats, or one column has a number, another a name.
        """
        numbers = {name: int(of["number"]) for name in names if (of := _NUMBERED.fullmatch(name))}
        others = [*names, *self._kin(block, names[0])]
        other = next((name for name in others if name not in numbers), None)
        if numbers and other is not None:
            raise DataError(
                f"{self.name}: {next(iter(numbers))!r} and {other!r} cannot both be columns of "
                f"block {block!r}; number all of them, or name all of them by classes"
            )
        if numbers:
            self._require_numbers(block, numbers)

    def _kin(self, block: str, name: str) -> list[str]:
        """The columns whose names begin as that of a column of a block of named columns."""
        pattern = _NAMED_BLOCKS.get(block)
        match = None if pattern is None else pattern.fullmatch(name)
        start = None if match is None else name[: match.start("name")]
        return [] if start is None else [each for each in self.columns if each.startswith(start)]

    def _require_numbers(self, block: str, numbers: Mapping[str, int]) -> None:
        first, last = min(numbers.values()), max(numbers.values())
        count = Counter(numbers.values())
        twice = next((number for number, n in count.items() if n > 1), None)
        if twice is not None:
            two = " and ".join(repr(name) for name in numbers if numbers[name] == twice)
            raise DataError(f"{self.name}: {two} are one column of block {block!r}; keep one")
        missing = next((each for each in range(min(first, 1), last + 1) if each not in count), None)
        if missing is not None:
            by_number = sorted(numbers, key=lambda name: numbers[name])
            raise DataError(
                f"{self.name}: the block {block!r} has columns from {by_number[0]!r} to "
                f"{by_number[-1]!r}, but none of number {missing}; add it, or number them anew"
            )


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


def without_index(
    names: Sequence[str], marked: Sequence[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of the data, and those of the index of a data frame.

    Args:
        names: of all columns, in order.
        marked: those that a file marks as an index.

    >>> without_index(["Unnamed: 0", "x"]), without_index(["x", "__index_level_0__"])
    ((('x',), ('Unnamed: 0',)), (('x',), ('__index_level_0__',)))
    """
    first = itertools.takewhile(_UNNAMED.fullmatch, names)
    index = {*first, *marked, *filter(_INDEX.fullmatch, names)}
    return (
        tuple(name for name in names if name not in index),
        tuple(name for name in names if name in index),
    )


def about_index(index: Sequence[str]) -> str:
    """What an announcement says of an index; empty where there is none.

    >>> about_index(["Unnamed: 0"])
    "'Unnamed: 0' is an index, no feature"
    """
    if not index:
        return ""
    if len(index) == 1:
        return f"{index[0]!r} is an index, no feature"
    return f"{shown(index)} are an index, no features"


_SHOWN = 20


def shown(names: Sequence[str]) -> str:
    """The first names in quotes, for an error.

    >>> shown(["a", "b"])
    "'a', 'b'"
    """
    return ", ".join(map(repr, names[:_SHOWN])) + (", …" if len(names) > _SHOWN else "")


def close_to(name: str, names: Sequence[str]) -> str:
    """A question with the names that are close to ``name``; empty where none is.

    >>> close_to("txt", ["id", "text"])
    "; did you mean 'text'?"
    """
    close = difflib.get_close_matches(name, names[:_NAMES_IN_A_QUESTION], n=3, cutoff=_CUTOFF)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def _require_numbers(values: Sequence[Any]) -> None:
    """Check that all values are numbers, or lists of as many numbers as the first.

    Raises:
        BadCell: one is not.
    """
    width = len(values[0]) if values and isinstance(values[0], list) else None
    for row, value in enumerate(values):
        if isinstance(value, list) != (width is not None) or not _is_number(value):
            raise BadCell(row, found_in(value))
        if isinstance(value, list) and len(value) != width:
            raise BadCell(row, f"holds {len(value)} numbers, but the first row holds {width}")
        if isinstance(value, list) and _shape_of(value) != _shape_of(values[0]):
            raise BadCell(row, "holds lists of other lengths than the first row")
        if isinstance(value, list) and _shape_of(value) is None:
            raise BadCell(row, "holds lists of several lengths")


def _shape_of(value: Any) -> tuple[int, ...] | None:
    """The shape of nested lists as of an array; None where lists beside each other differ.

    >>> _shape_of([[1, 2], [3, 4]]), _shape_of([[1, 2], [3]]), _shape_of(1)
    ((2, 2), None, ())
    """
    if not isinstance(value, list):
        return ()
    shapes = {_shape_of(each) for each in value}
    if None in shapes or len(shapes) > 1:
        return None
    return (len(value), *(shapes.pop() if shapes else ()))  # type: ignore[misc]


def _is_word(value: Any) -> bool:
    if not isinstance(value, str) or not value.strip() or is_vector(value):
        return False
    try:
        number_of(value)
    except ValueError:
        return True
    return False


def _whole(value: Any) -> int | None:
    """The whole number that a cell holds as it is written; None for any other."""
    if isinstance(value, str):
        return int(value) if _WHOLE.fullmatch(value) else None
    return value if type(value) is int else None


def _fits(value: Any) -> bool:
    """Whether float64 can hold a number, or all numbers of a list."""
    if isinstance(value, list):
        return all(map(_fits, value))
    return not isinstance(value, int) or abs(value) < _LARGEST


def _is_number(value: Any) -> bool:
    return (
        all(map(_is_number, value)) if isinstance(value, list) else isinstance(value, int | float)
    )


def _found(value: Any) -> str:
    return "is empty" if value is None or value == "" else f"holds {value!r}"
