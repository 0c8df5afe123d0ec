"""Text files of cells: CSV and tab-separated. How such a file is written is decided here alone."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uwe._types import FloatArray
from uwe.errors import DataError, damaged
from uwe.tables.table import Table

__all__ = ["open_delimited"]


@dataclass(frozen=True)
class Dialect:
    """How cells are written.

    Attributes:
        delimiter: between two cells.
        encoding: of the text; a byte-order mark is skipped.
    """

    delimiter: str = ","
    encoding: str = "utf-8-sig"


_DIALECTS = {".csv": Dialect(), ".tsv": Dialect(delimiter="\t")}


def open_delimited(path: Path) -> Table:
    """A table of text; its first line names the columns.

    Raises:
        DataError: it cannot be read, two columns have one name, or a line has too few or too many
            cells.
    """
    dialect = _dialect(path)
    try:
        with path.open(newline="", encoding=dialect.encoding) as file:
            reader = csv.reader(file, strict=True, delimiter=dialect.delimiter)
            header = next(reader, [])
            _check_header(path, header)
            rows = [(reader.line_num, cells) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise damaged(path, error) from error
    if not rows:
        raise DataError(f"{path} has no rows")
    for line, cells in rows:
        _require_whole(path, line, header, cells)
    lines, texts = zip(*rows, strict=True)
    columns = dict(zip(header, map(list, zip(*texts, strict=True)), strict=True))
    texts_of = _Texts(str(path), columns)
    return Table(path, tuple(header), len(rows), texts_of, str(path), lines, "line")


def _dialect(path: Path) -> Dialect:
    return _DIALECTS[path.suffix.lower()]


@dataclass(frozen=True)
class _Texts:
    """Cells of text.

    Attributes:
        name: of the file.
        columns: the cells of each column.
    """

    name: str
    columns: Mapping[str, list[str]]

    def stream(self, name: str) -> Iterator[Any]:
        return iter(self.columns[name])

    def numbers(self, name: str) -> FloatArray:
        cells = self.columns[name]
        try:
            return np.array([float(cell) for cell in cells])
        except ValueError:
            row = next(row for row, cell in enumerate(cells) if not _is_number(cell))
            what = "is empty" if not cells[row].strip() else f"holds {cells[row]!r}"
            raise DataError(
                f"{self.name}: the column {name} is to hold numbers, but row {row} {what} (the "
                "first such row); correct it"
            ) from None

    def classes(self, name: str) -> tuple[str, ...] | None:  # noqa: ARG002  (as the protocol has it)
        return None

    def is_plain(self, name: str) -> bool:
        return name in self.columns


def _check_header(path: Path, header: Sequence[str]) -> None:
    if not header:
        raise DataError(f"{path} is empty; its first line must name the columns")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path} has two columns {twice!r}; rename one")


def _require_whole(path: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> None:
    if len(cells) != len(header):
        raise DataError(
            f"{path}: line {line} has {len(cells)} cells, but there are {len(header)} columns; "
            "is the file whole?"
        )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
