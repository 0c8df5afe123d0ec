"""The one place that opens a table: the suffix of a file chooses the format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from uwe.errors import DataError, InputError
from uwe.tables.delimited import open_delimited
from uwe.tables.json_lines import open_json_lines
from uwe.tables.parquet import open_parquet
from uwe.tables.table import Table

__all__ = ["TABLE_SUFFIXES", "open_shards", "open_table"]

_FORMATS: Mapping[str, Callable[[Path], Table]] = {
    ".csv": open_delimited,
    ".tsv": open_delimited,
    ".jsonl": open_json_lines,
    ".ndjson": open_json_lines,
    ".parquet": lambda path: open_parquet([path]),
}

TABLE_SUFFIXES = tuple(_FORMATS)
"""Suffixes of the formats that are read."""


def open_table(path: Path) -> Table:
    """Open a table: ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson`` (JSON lines), ``.parquet``.

    Args:
        path: the file; its first line names the columns of ``.csv`` and ``.tsv``.

    Returns:
        The table; columns of a Parquet file are read when they are asked for.

    Raises:
        InputError: the suffix is another.
        DataError: there is no such file, or it cannot be read.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.tsv"
    >>> _ = path.write_text("id\\tx_0\\tx_1\\na\\t1\\t2\\nb\\t3\\t4\\n")
    >>> table = open_table(path)
    >>> table.columns, table.n, table.text("id"), table.numbers("x").tolist()
    (('id', 'x_0', 'x_1'), 2, ['a', 'b'], [[1.0, 2.0], [3.0, 4.0]])
    """
    if path.suffix.lower() not in _FORMATS:
        raise InputError(
            f"the format of {path} is not known; a table is {', '.join(TABLE_SUFFIXES)}"
        )
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    return _FORMATS[path.suffix.lower()](path)


def open_shards(files: Sequence[Path]) -> Table:
    """Open several Parquet files with the same columns as one table.

    Raises:
        DataError: a file is damaged, or their columns differ.
    """
    return open_parquet(files)
