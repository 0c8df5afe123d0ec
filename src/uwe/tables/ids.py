"""Lists of ids in files."""

from __future__ import annotations

import re
from pathlib import Path

from uwe.errors import DataError, InputError
from uwe.tables.opening import TABLE_SUFFIXES, is_table, open_table
from uwe.tables.table import shown
from uwe.tables.text_files import read_text_file, say_adapted

__all__ = ["read_ids"]

_LINES = ".txt"
_LINE_ENDS = re.compile(r"\r\n|\n|\r")


def read_ids(path: Path, encoding: str | None = None) -> list[str]:
    """The ids in a text file, one a line, or in any table with a column ``id`` or ``ids``.

    A table of picks that ``uwe select`` wrote is such a table. Blank lines are skipped, and an id
    that is repeated is given once.

    Args:
        path: ``.txt``, or a table of `uwe.tables.open_table`.
        encoding: of text; None: recognised.

    Raises:
        InputError: the suffix is another.
        DataError: it cannot be read, has no such column, or an id is empty.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "done.txt"
    >>> _ = path.write_text("b\\na\\n\\n")
    >>> read_ids(path)
    ['b', 'a']
    """
    if path.suffix.lower() == _LINES:
        return list(dict.fromkeys(_lines(path, encoding)))
    if not path.is_dir() and not is_table(path):
        raise InputError(
            f"the format of {path} is not known; ids are {_LINES} or a table "
            f"{', '.join(TABLE_SUFFIXES)}"
        )
    table = open_table(path, encoding)
    ids = table.ids()
    if ids is None:
        raise DataError(
            f"{table.name} has no column 'id' or 'ids'; its columns are {shown(table.columns)}"
        )
    empty = next((row for row, each in enumerate(ids) if not each.strip()), None)
    if empty is not None:
        raise DataError(f"{table.name}: {table.where(empty)} has no id; add it")
    return list(dict.fromkeys(ids))


def _lines(path: Path, encoding: str | None) -> list[str]:
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    file = read_text_file(path, encoding)
    say_adapted(path, file.adapted)
    return [line for line in _LINE_ENDS.split(file.content.decode()) if line.strip()]
