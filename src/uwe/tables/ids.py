"""Lists of ids."""

from __future__ import annotations

from pathlib import Path

from uwe.errors import DataError, InputError, damaged
from uwe.tables.opening import TABLE_SUFFIXES, open_table
from uwe.tables.table import shown

__all__ = ["read_ids"]

_LINES = ".txt"


def read_ids(path: Path) -> list[str]:
    """The ids in a text file, one a line, or in any table with a column ``id`` or ``ids``.

    A table of picks that ``uwe select`` wrote is such a table. Blank lines are skipped, and an id
    that is repeated is given once.

    Args:
        path: ``.txt``, ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.parquet``.

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
        return list(dict.fromkeys(_lines(path)))
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise InputError(
            f"the format of {path} is not known; ids are {_LINES} or a table "
            f"{', '.join(TABLE_SUFFIXES)}"
        )
    table = open_table(path)
    ids = table.ids()
    if ids is None:
        raise DataError(
            f"{table.name} has no column 'id' or 'ids'; its columns are {shown(table.columns)}"
        )
    empty = next((row for row, each in enumerate(ids) if not each.strip()), None)
    if empty is not None:
        raise DataError(f"{table.name}: {table.where(empty)} has no id; add it")
    return list(dict.fromkeys(ids))


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(path, error) from error
    return [line for line in text.split("\n") if line.strip()]
