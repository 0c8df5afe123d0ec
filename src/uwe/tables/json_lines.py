"""JSON lines: one object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from uwe.errors import DataError, damaged
from uwe.tables.table import Listed, Table

__all__ = ["open_json_lines"]


def open_json_lines(path: Path) -> Table:
    """A table of one object a line; a key that a line lacks is None there.

    The columns are the keys in the order in which they first appear. Blank lines are skipped.

    Raises:
        DataError: it cannot be read, holds no rows, or a line is no object.
    """
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    rows.append(_object(path, number, line))
                    lines.append(number)
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(path, error) from error
    if not rows:
        raise DataError(f"{path} has no rows")
    columns = tuple(dict.fromkeys(key for row in rows for key in row))
    cells = Listed(str(path), lambda name: [row.get(name) for row in rows])
    return Table(path, columns, len(rows), cells, str(path), lines, "line")


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path}: line {number} is no JSON ({error}); correct it") from error
    if not isinstance(value, dict):
        raise DataError(
            f'{path}: line {number} must be an object such as {{"id": "a"}}, not '
            f"{line.strip()[:40]}"
        )
    return value
