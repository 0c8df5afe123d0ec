"""CSV files as columns of text."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from uwe.errors import DataError, damaged

__all__ = ["read_csv"]


def read_csv(path: Path) -> dict[str, list[str]]:
    """The columns of a CSV file, as text.

    Raises:
        DataError: it cannot be read, two columns have one name, or a line has too few or too many
            cells.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file, strict=True)
            header = next(lines, [])
            _check_header(path, header)
            rows = [_whole(path, lines.line_num, header, cells) for cells in lines if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise damaged(path, error) from error
    if not rows:
        raise DataError(f"{path} has no rows")
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def _check_header(path: Path, header: Sequence[str]) -> None:
    if not header:
        raise DataError(f"{path} is empty; its first line must name the columns")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path} has two columns {twice!r}; rename one")


def _whole(path: Path, line: int, header: Sequence[str], cells: list[str]) -> list[str]:
    if len(cells) != len(header):
        raise DataError(
            f"{path}: line {line} has {len(cells)} cells, but there are {len(header)} columns; "
            "is the file whole?"
        )
    return cells
