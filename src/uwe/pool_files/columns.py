"""Tables as pools: a list column, a plain column or a numbered block of columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from uwe._types import BoolArray
from uwe.pool_files.container import Container
from uwe.tables import Table, open_table
from uwe.tables.labels import TRUTH
from uwe.tasks import is_missing

__all__ = ["open_columns"]


def open_columns(path: Path, encoding: str | None = None) -> Container:
    """A table of any format, or a folder of its shards."""
    table = open_table(path, encoding)
    numbered = {name for of in table.blocks.values() for name in of}
    shown = [*table.blocks, *(name for name in table.columns if name not in numbered)]

    def read_ids(name: str) -> list[str]:
        return table.ids(name) or []

    return Container(
        path,
        (*shown, *sorted(numbered), *table.index),
        table.numbers,
        lambda name: _as_mask(table, name),
        read_ids,
        table,
    )


def _as_mask(table: Table, name: str) -> BoolArray:
    """A column has a cell for each row, so it is a mask: true and false, or 1 and 0."""
    told = [_told(value) for value in table.values(name)]
    row = next((row for row, text in enumerate(told) if text not in TRUTH), None)
    if row is not None:
        raise table.bad_cell(
            row,
            name,
            f"holds {told[row]!r}, not whether the row is labelled: true or false, or 1 or 0",
        )
    return np.array([TRUTH[text] for text in told], dtype=bool)


def _told(value: Any) -> str:
    return "" if is_missing(value) else str(value).strip().lower().removesuffix(".0")
