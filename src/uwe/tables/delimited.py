"""Text files of cells: CSV, tab-separated text and the like."""

from __future__ import annotations

import csv
import io
import re
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute
import pyarrow.csv as arrow_csv

from uwe._types import FloatArray
from uwe.errors import DataError, damaged
from uwe.tables.cells import BadCell, found_in, number_of
from uwe.tables.dialects import USUAL_SEPARATORS, Dialect, recognised
from uwe.tables.table import ID_NAMES, UNNAMED, Table, about_index, without_index
from uwe.tables.text_files import TextFile, read_text_file, say_adapted
from uwe.tables.vectors import is_vector, read_vectors

__all__ = ["numbers_in_texts", "open_delimited"]

_BLOCK = 1 << 24  # bytes that are parsed at once
_CELLS_AT_ONCE = 1 << 20
_LINE_ENDS = re.compile(rb"\r\n|\n|\r")
_LETTER = re.compile(rb"[^\r\n]")
_BLANK_LINES = (b"\n\n", b"\n\r\n", b"\r\r")
_DECIMAL_COMMA = r"^\s*([+-]?[0-9]*(,[0-9]+)?([eE][+-]?[0-9]+)?)?\s*$"
_THOUSANDS = r"^\s*[+-]?[0-9]{1,3}(\.[0-9]{3})+\s*$"


def open_delimited(path: Path, encoding: str | None = None) -> Table:
    """A table of text; its first line names the columns.

    Separator, encoding and decimal commas are recognised; what is not plain is logged in a line.

    Raises:
        InputError: there is no such encoding.
        DataError: it cannot be read, two columns have one name, or a line has too few or too many
            cells.
    """
    file = read_text_file(path, encoding)
    usual = USUAL_SEPARATORS[_suffix(path)]
    dialect = recognised(file.content, usual)
    header, parsed = _parsed(file, dialect)
    columns = dict(zip(header, parsed.columns, strict=True))
    commas = () if dialect.separator == "," else _decimal_commas(columns)
    if commas:
        _require_no_thousands(path, columns, commas[0])
    columns |= {name: _with_points(columns[name]) for name in commas}
    names, index = without_index(header)
    say_adapted(path, file.adapted, dialect.adapted(usual), _decimals(commas), about_index(index))
    cells = _Texts(columns)
    return Table(path, names, len(parsed.lines), cells, str(path), parsed.lines, "line", index)


def _suffix(path: Path) -> str:
    return next(each.lower() for each in reversed(path.suffixes) if each.lower() != ".gz")


def _decimals(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return f"decimal commas in column {names[0]!r}{more}"


@dataclass(frozen=True)
class _Texts:
    """Cells of text.

    Attributes:
        columns: the cells of each column, arrays of text in pieces.
    """

    columns: Mapping[str, Any] = field(repr=False)

    def stream(self, name: str) -> Iterator[Any]:
        for piece in self.columns[name].chunks:
            yield from piece.to_pylist()

    def take(self, name: str, rows: Sequence[int]) -> dict[int, Any]:
        return {row: self.columns[name][row].as_py() for row in rows}

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        return numbers_in_texts(self.columns[name])

    def classes(self, name: str) -> tuple[str, ...] | None:  # noqa: ARG002  (as the protocol has it)
        return None

    def is_plain(self, name: str) -> bool:
        return name in self.columns

    def kind(self, name: str) -> str:  # noqa: ARG002  (as the protocol has it)
        return "text"


def numbers_in_texts(column: Any) -> FloatArray:
    """The numbers or vectors in an array of text.

    Raises:
        BadCell: a cell is empty or holds something else.
    """
    if len(column) and is_vector(column[0].as_py()):
        return read_vectors(column.to_pylist())
    try:
        found: FloatArray = column.cast(arrow.float64()).to_numpy()
    except arrow.ArrowInvalid:  # blanks around numbers, or no numbers
        found = np.array([_number(row, cell) for row, cell in enumerate(column.to_pylist())])
    return found


def _number(row: int, cell: str | None) -> float:
    try:
        return number_of(cell or "")
    except ValueError:
        raise BadCell(row, found_in(cell)) from None


@dataclass(frozen=True)
class _Parsed:
    """The cells below the header.

    Attributes:
        columns: an array of text in pieces for each column.
        lines: the number of each row's line.
    """

    columns: Sequence[Any]
    lines: Sequence[int]


def _parsed(file: TextFile, dialect: Dialect) -> tuple[list[str], _Parsed]:
    """The names of the columns, and the cells."""
    header, body, first = _header(file, dialect)
    if not _LETTER.search(file.content, body):
        return header, _Parsed([arrow.chunked_array([], arrow.string()) for _ in header], [])
    found = None
    if b'"' not in file.content:
        found = _without_quotes(file.content, body, first, dialect, len(header))
    return header, found or _with_quotes(file, body, first, dialect, header)


def _header(file: TextFile, dialect: Dialect) -> tuple[list[str], int, int]:
    """The names, where the rows begin, and the number of lines before them."""
    text = io.TextIOWrapper(io.BytesIO(file.content), "utf-8", newline="")
    text.read(len(file.content[: dialect.skipped].decode()))
    lines = _Counted(text)
    with _cells_of_any_length():
        reader = csv.reader(
            lines, strict=True, delimiter=dialect.separator, skipinitialspace=dialect.blanks
        )
        try:
            header = next((cells for cells in reader if any(map(str.strip, cells))), [])
        except csv.Error as error:
            raise _not_parsed(file.path, reader.line_num, error) from error
    names = _named([name.strip() for name in header])
    _check_header(file.path, names)
    first = reader.line_num + file.content.count(b"\n", 0, dialect.skipped)
    return names, dialect.skipped + lines.size, first


class _Counted:
    """Lines of a text, and the bytes in UTF-8 of those that were given."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text = text
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self.text)
        self.size += len(line.encode())
        return line


def _without_quotes(
    content: bytes, body: int, first: int, dialect: Dialect, width: int
) -> _Parsed | None:
    """Cells of a text without quotes, parsed fast; None where a line does not fit."""
    rows = arrow.py_buffer(content).slice(body)
    names = [str(at) for at in range(width)]
    try:
        table = arrow_csv.read_csv(
            arrow.BufferReader(rows),
            read_options=arrow_csv.ReadOptions(
                column_names=names, block_size=_BLOCK, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=dialect.separator, quote_char=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, arrow.string()), strings_can_be_null=False
            ),
        )
    except arrow.ArrowException:
        return None
    columns = table.columns
    if dialect.blanks:
        columns = [compute.utf8_ltrim(column, " ") for column in columns]
    lines: Sequence[int] = range(first + 1, first + 1 + table.num_rows)
    if content[body : body + 1] in b"\r\n" or any(
        content.find(each, body) >= 0 for each in _BLANK_LINES
    ):
        texts = _LINE_ENDS.split(content[body:])
        lines = [first + at for at, line in enumerate(texts, 1) if line]
    return _Parsed(columns, lines) if len(lines) == table.num_rows else None


def _with_quotes(
    file: TextFile, body: int, first: int, dialect: Dialect, header: Sequence[str]
) -> _Parsed:
    """Cells by the strict parser, which knows lines; in pieces of little memory."""
    pieces: list[list[Any]] = [[] for _ in header]
    lines = array("q")
    at_once = max(1, _CELLS_AT_ONCE // len(header))
    for rows in _in_pieces(_rows(file, body, first, dialect, header), at_once):
        lines.extend(line for line, _ in rows)
        for piece, cells in zip(pieces, zip(*(of for _, of in rows), strict=True), strict=True):
            piece.append(arrow.array(cells, arrow.string()))
    return _Parsed([arrow.chunked_array(piece, arrow.string()) for piece in pieces], lines)


def _rows(
    file: TextFile, body: int, first: int, dialect: Dialect, header: Sequence[str]
) -> Iterator[tuple[int, list[str]]]:
    """The line in which each row begins, and its cells."""
    stream = io.BytesIO(file.content)
    stream.seek(body)
    text = io.TextIOWrapper(stream, "utf-8", newline="")
    with _cells_of_any_length():
        reader = csv.reader(
            text, strict=True, delimiter=dialect.separator, skipinitialspace=dialect.blanks
        )
        before = 0
        try:
            for cells in reader:
                line, before = first + before + 1, reader.line_num
                if cells:
                    _require_whole(file.path, line, header, cells)
                    yield line, cells
        except csv.Error as error:
            raise _not_parsed(file.path, first + before + 1, error) from error


def _in_pieces(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    piece: list[Any] = []
    for row in rows:
        piece.append(row)
        if len(piece) == size:
            yield piece
            piece = []
    if piece:
        yield piece


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Lift the limit of the module csv, which is one for the whole process."""
    former = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(former)


def _not_parsed(path: Path, line: int, error: csv.Error) -> DataError:
    if "unexpected end" in str(error):
        return DataError(
            f'line {line} of {path} opens a quote (") that is never closed; the file may be '
            "incomplete"
        )
    return damaged(path, csv.Error(f"line {line}: {error}"))


def _named(header: Sequence[str]) -> list[str]:
    """The names, of which first columns without one are named as pandas names an index."""
    names = list(header)
    for at, name in enumerate(names):
        if name:
            break
        names[at] = f"{UNNAMED}{at}"
        while names[at] in header:
            names[at] += ".1"
    return names


def _check_header(path: Path, header: Sequence[str]) -> None:
    if not header:
        raise DataError(f"{path} is empty; its first line must name the columns")
    twice = next((name for name, n in Counter(header).items() if n > 1 and name), None)
    if twice is not None:
        raise DataError(f"{path} has two columns {twice!r}; rename one")
    if "" in header:
        raise DataError(
            f"column {header.index('') + 1} of {path} has no name; name it in the first line, or "
            "remove it"
        )


def _require_whole(path: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> None:
    if len(cells) != len(header):
        raise DataError(
            f"{path}: line {line} has {len(cells)} cells, but there are {len(header)} columns; "
            "correct the line, or quote cells that hold the separator"
        )


def _decimal_commas(columns: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of numbers some of which have decimal commas, and none a decimal point."""
    return tuple(
        name
        for name, column in columns.items()
        if name not in ID_NAMES
        and compute.any(compute.match_substring(column, ",")).as_py()
        and compute.all(compute.match_substring_regex(column, _DECIMAL_COMMA)).as_py()
    )


def _require_no_thousands(path: Path, columns: Mapping[str, Any], other: str) -> None:
    """Beside decimal commas, the point of 1.000 parts thousands; it would be read as one."""
    for name, column in columns.items():
        if name in ID_NAMES or not len(column):
            continue
        if compute.all(compute.match_substring_regex(column, _THOUSANDS)).as_py():
            raise DataError(
                f"column {name!r} of {path} holds {column[0].as_py()!r}, where column {other!r} "
                "has decimal commas; write thousands without a point"
            )


def _with_points(column: Any) -> Any:
    return compute.replace_substring(column, ",", ".")
