"""Tables, ``.csv`` and ``.parquet``: a list column, a plain column or a block of columns.

A block ``features`` is the columns ``features_0``, ``features_1`` and so on (or ``features0``,
``features.0``, ``features-0``), in the order of their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._types import FloatArray
from uwe.data.csv_file import read_csv
from uwe.errors import DataError, damaged
from uwe.pool_files.container import Container, as_ids

__all__ = ["blocks_of", "open_csv", "open_parquet"]

_NUMBERED = re.compile(r"(?P<block>.*?)[_.\-]?(?P<number>\d+)")
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}


def open_csv(path: Path) -> Container:
    """A table of text; its first line names the columns."""
    columns = read_csv(path)
    return _container(
        path,
        list(columns),
        numbers=lambda name: _as_numbers(path, name, columns[name]),
        texts=lambda name: list(columns[name]),
    )


def open_parquet(path: Path) -> Container:
    """A table of typed columns."""
    parquet = optional("pyarrow.parquet", "reading Parquet files", extra="tables")
    try:
        names = parquet.read_schema(path, memory_map=True).names
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error

    def column(name: str) -> Any:
        try:
            return parquet.read_table(path, columns=[name], memory_map=True).column(0)
        except (OSError, ValueError) as error:
            raise damaged(path, error) from error

    return _container(
        path,
        names,
        numbers=lambda name: _typed(path, name, column(name)),
        texts=lambda name: as_ids(path, name, column(name).to_pylist()),
    )


def blocks_of(names: Sequence[str]) -> dict[str, list[str]]:
    """The blocks among column names, each in the order of its numbers.

    >>> blocks_of(["id", "x_1", "x_0", "y"])
    {'x': ['x_0', 'x_1']}
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        if (match := _NUMBERED.fullmatch(name)) and match["block"]:
            found.setdefault(match["block"], []).append((int(match["number"]), name))
    return {block: [name for _, name in sorted(of)] for block, of in found.items()}


def _container(
    path: Path,
    names: Sequence[str],
    *,
    numbers: Callable[[str], np.ndarray[Any, Any]],
    texts: Callable[[str], list[str]],
) -> Container:
    blocks = {block: of for block, of in blocks_of(names).items() if block not in names}
    numbered = {name for of in blocks.values() for name in of}

    def read(name: str) -> np.ndarray[Any, Any]:
        return _stacked(path, name, blocks, numbers) if name in blocks else numbers(name)

    def read_mask(name: str) -> np.ndarray[Any, Any]:
        return _as_mask(path, name, texts(name) if path.suffix == ".csv" else numbers(name))

    shown = [*blocks, *(name for name in names if name not in numbered)]
    return Container(path, tuple(shown + sorted(numbered)), read, read_mask, texts)


def _stacked(
    path: Path,
    block: str,
    blocks: Mapping[str, Sequence[str]],
    numbers: Callable[[str], np.ndarray[Any, Any]],
) -> np.ndarray[Any, Any]:
    columns = [numbers(name) for name in blocks[block]]
    for name, column in zip(blocks[block], columns, strict=True):
        if column.ndim != 1:
            raise DataError(f"{path}: the column {name} of block {block} holds lists")
    return np.stack(columns, axis=1)


def _as_numbers(path: Path, name: str, cells: Sequence[str]) -> FloatArray:
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        row = next(row for row, cell in enumerate(cells) if not _is_number(cell))
        what = "is empty" if not cells[row].strip() else f"holds {cells[row]!r}"
        raise DataError(
            f"{path}: the column {name} is to hold numbers, but row {row} {what} (the first such "
            "row); mend it"
        ) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _as_mask(path: Path, name: str, values: Any) -> np.ndarray[Any, Any]:
    """A column has a cell for each row, so it is a mask: true and false, or 1 and 0."""
    told = [str(value).strip().lower().removesuffix(".0") for value in np.asarray(values).tolist()]
    row = next((row for row, text in enumerate(told) if text not in _TRUTH), None)
    if row is not None:
        raise DataError(
            f"{path}: the column {name} is to say which rows are labelled, but row {row} holds "
            f"{told[row]!r}; use true and false, or 1 and 0"
        )
    return np.array([_TRUTH[text] for text in told], dtype=bool)


def _typed(path: Path, name: str, column: Any) -> np.ndarray[Any, Any]:
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise DataError(f"{path}: the column {name} is empty in row {row} (the first such row)")
    chunk = column.combine_chunks()
    kind = str(chunk.type)
    if "list" in kind.partition("<")[0]:
        return _lists(path, name, chunk)
    return _plain(path, name, chunk)


def _lists(path: Path, name: str, chunk: Any) -> np.ndarray[Any, Any]:
    compute = optional("pyarrow.compute", "reading Parquet files", extra="tables")
    lengths = compute.list_value_length(chunk).to_numpy(zero_copy_only=False)
    if (lengths != lengths[0]).any():
        row = int((lengths != lengths[0]).argmax())
        raise DataError(
            f"{path}: the lists of column {name} differ in length: {lengths[0]} numbers in row 0, "
            f"{lengths[row]} in row {row}"
        )
    flat = chunk.flatten()
    if flat.null_count:
        row = flat.is_null().to_pylist().index(True) // int(lengths[0])
        raise DataError(f"{path}: a list of column {name} is empty in places, first in row {row}")
    return _plain(path, name, flat).reshape(len(chunk), int(lengths[0]))


def _plain(path: Path, name: str, chunk: Any) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = chunk.to_numpy(zero_copy_only=False)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{path}: the column {name} holds {chunk.type}, not numbers")
    return array
