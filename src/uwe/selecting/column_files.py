"""Columns of equal length as a file: CSV, JSON lines or Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from uwe.errors import InputError
from uwe.tables.csv_text import csv_text, say_formulas

__all__ = ["Columns", "as_csv", "check_columns_suffix", "encoded_columns"]

Columns: TypeAlias = Mapping[str, Sequence[Any]]


def check_columns_suffix(path: Path, what: str) -> None:
    """Refuse a file whose suffix tells no format.

    Args:
        path: of the file.
        what: begins the list of the formats, such as ``--assign writes``.

    Raises:
        InputError: it does not.
    """
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"the format of {path} is not known; {what} {', '.join(_FORMATS)}")


def encoded_columns(path: Path, columns: Columns) -> bytes:
    """The columns in the format of the file's suffix, to be written."""
    return _FORMATS[path.suffix.lower()](columns)


def as_csv(columns: Columns) -> str:
    """The columns as CSV; the log says where a spreadsheet would compute an id.

    >>> as_csv({"id": ["a"], "distance": [0.5]})
    'id,distance\\na,0.5\\n'
    """
    say_formulas("id", columns["id"])
    return csv_text(tuple(columns), zip(*columns.values(), strict=True))


def _json_lines(columns: Columns) -> bytes:
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _parquet(columns: Columns) -> bytes:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    sink = io.BytesIO()
    parquet.write_table(arrow.table({name: list(of) for name, of in columns.items()}), sink)
    return sink.getvalue()


_FORMATS: dict[str, Callable[[Columns], bytes]] = {
    ".csv": lambda columns: as_csv(columns).encode(),
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
