"""JSON lines: one object a line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from uwe.errors import DataError
from uwe.tables.table import Listed, Table, about_index, without_index
from uwe.tables.text_files import read_text_file, say_adapted

__all__ = ["open_json_lines", "refuse_constant", "with_keys_once"]

_LINE_ENDS = re.compile(rb"\r\n|\n|\r")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SHOWN = 40


def open_json_lines(path: Path, encoding: str | None = None) -> Table:
    """A table of one object a line; a key that a line lacks is None there.

    The columns are the keys in the order in which they first appear. Blank lines are skipped.

    Raises:
        InputError: there is no such encoding.
        DataError: it cannot be read, or a line is no object.
    """
    file = read_text_file(path, encoding)
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in enumerate(_LINE_ENDS.split(file.content), 1):
        if line.strip():
            rows.append(_object(path, number, line))
            lines.append(number)
    columns = tuple(dict.fromkeys(key for row in rows for key in row))
    if rows and not columns:
        raise DataError(f"{path} has no columns: the objects of its lines are empty")
    names, index = without_index(columns)
    say_adapted(path, file.adapted, about_index(index))
    cells = Listed(lambda name: [row.get(name) for row in rows])
    return Table(path, names, len(rows), cells, str(path), lines, "line", index)


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line, parse_constant=refuse_constant, object_pairs_hook=with_keys_once)
        if _SURROGATE.search(line):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DataError(
            f"line {number} of {path} holds half of a surrogate pair (\\ud8…), which is no "
            "Unicode; correct it"
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"line {number} of {path} is no JSON ({error}); correct it") from error
    if not isinstance(value, dict):
        shown = line.strip()[:_SHOWN].decode(errors="replace")
        raise DataError(
            f'line {number} of {path} must be an object such as {{"id": "a"}}, not {shown}'
        )
    return value


def refuse_constant(name: str) -> Any:
    """Refuse NaN and Infinity, which Python reads although they are no JSON.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} is no value of JSON; write null for no value")


def with_keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of some pairs, each of another key.

    Raises:
        ValueError: a key is there twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return found
