"""The one place that opens a table: the suffix of a file chooses the format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from uwe.errors import DataError, InputError
from uwe.tables.dialects import USUAL_SEPARATORS
from uwe.tables.parquet import ARROW_SUFFIXES, PARQUET_SUFFIX, names_of_shards, open_columnar
from uwe.tables.shards import joined
from uwe.tables.table import Table

__all__ = [
    "TABLE_SUFFIXES",
    "encoding_of",
    "is_table",
    "open_shards",
    "open_table",
    "stem_of",
    "tables_in",
]

_GZIP = ".gz"


def _delimited(path: Path, encoding: str | None) -> Table:
    from uwe.tables.delimited import open_delimited

    return open_delimited(path, encoding)


def _json_lines(path: Path, encoding: str | None) -> Table:
    from uwe.tables.json_lines import open_json_lines

    return open_json_lines(path, encoding)


_TEXTS: Mapping[str, Callable[[Path, str | None], Table]] = {
    **dict.fromkeys(USUAL_SEPARATORS, _delimited),
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
_TYPED: Mapping[str, Callable[[Path], Table]] = {
    PARQUET_SUFFIX: open_columnar,
    **dict.fromkeys(ARROW_SUFFIXES, open_columnar),
}

TABLE_SUFFIXES = (*_TEXTS, *_TYPED)
"""Suffixes of the formats that are read; those of text may be followed by ``.gz``."""


def is_table(path: Path) -> bool:
    """Whether the name of a file is one of a table.

    >>> is_table(Path("t.csv.gz")), is_table(Path("t.npz"))
    (True, False)
    """
    return _suffix(path) in TABLE_SUFFIXES


def encoding_of(path: Path, encoding: str | None) -> str | None:
    """The encoding if a file is a table of text or a list of lines, else None.

    >>> encoding_of(Path("ids.txt"), "cp1252"), encoding_of(Path("t.parquet"), "cp1252")
    ('cp1252', None)
    """
    return encoding if _suffix(path) in _TEXTS or path.is_dir() else None


def stem_of(path: Path) -> str:
    """The name of a file without the suffix of its format.

    >>> stem_of(Path("data/t.csv.gz"))
    't'
    """
    return Path(path.stem).stem if path.suffix.lower() == _GZIP and is_table(path) else path.stem


def open_table(path: Path, encoding: str | None = None) -> Table:
    """Open a table, or a folder of shards of one format.

    Text tables ``.csv``, ``.tsv`` and ``.txt`` (a header, and cells between commas, semicolons,
    tabs or vertical bars), ``.jsonl`` or ``.ndjson`` (JSON lines), each also with ``.gz``;
    ``.parquet``, ``.feather`` and ``.arrow``.

    Args:
        path: the file or the folder.
        encoding: of a text table; None: recognised.

    Returns:
        The table; columns of Parquet and Arrow files are read when they are asked for.

    Raises:
        InputError: the suffix is another, or an encoding is given for a format without one.
        DataError: there is no such file, or it cannot be read.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.tsv"
    >>> _ = path.write_text("id\\tx_0\\tx_1\\na\\t1\\t2\\nb\\t3\\t4\\n")
    >>> table = open_table(path)
    >>> table.columns, table.n, table.text("id"), table.numbers("x").tolist()
    (('id', 'x_0', 'x_1'), 2, ['a', 'b'], [[1.0, 2.0], [3.0, 4.0]])
    """
    if path.is_dir():
        return open_shards(tables_in(path), encoding)
    table = _opened(path, encoding)
    if not len(table):
        raise DataError(f"{path} has no rows")
    return table


def open_shards(files: Sequence[Path], encoding: str | None = None) -> Table:
    """Open several files with the same columns as one table, in the order in which they are given.

    Files without rows are left out.

    Raises:
        DataError: a file is damaged, their columns differ, or none has rows.
    """
    tables = [table for file in files if len(table := _opened(file, encoding))]
    if not tables:
        raise DataError(f"{names_of_shards(files)} has no rows")
    return joined(tables)


def _opened(path: Path, encoding: str | None) -> Table:
    """A table, with rows or without."""
    suffix = _suffix(path)
    if suffix not in TABLE_SUFFIXES:
        raise InputError(
            f"the format of {path} is not known; a table is {', '.join(TABLE_SUFFIXES)}"
        )
    if suffix in _TYPED and path.suffix.lower() == _GZIP:
        raise InputError(f"{path} is compressed twice; unpack it, since {suffix} is compressed")
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if not path.is_file():
        raise DataError(f"{path} is no regular file; a table is a file or a folder")
    if suffix in _TEXTS:
        return _TEXTS[suffix](path, encoding)
    if encoding is not None:
        raise InputError(f"{path} has no encoding; leave --encoding {encoding} out")
    return _TYPED[suffix](path)


def tables_in(folder: Path) -> list[Path]:
    """The files of tables in a folder, in the order of their names; all are of one format.

    Where there are Parquet files, others are no part of the table. Hidden files are left out.

    Raises:
        DataError: there are none, or they are of several formats.
    """
    formats: defaultdict[str, list[Path]] = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if is_table(file) and not file.name.startswith((".", "_")) and not file.is_dir():
            formats[_suffix(file)].append(file)
    if not formats:
        raise DataError(f"{folder} holds no tables ({', '.join(TABLE_SUFFIXES)})")
    if PARQUET_SUFFIX in formats:
        return formats[PARQUET_SUFFIX]
    if len(formats) > 1:
        first, second = (files[0].name for files in list(formats.values())[:2])
        raise DataError(
            f"{folder} holds tables of several formats, {first} and {second}; keep those of one"
        )
    return next(iter(formats.values()))


def _suffix(path: Path) -> str:
    """The suffix that says the format: the one before ``.gz``."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes[1:] == [_GZIP]:
        return suffixes[0]
    return suffixes[-1] if suffixes else ""
