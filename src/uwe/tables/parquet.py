"""Parquet files, one or several with the same columns; a column is read when it is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe.errors import DataError
from uwe.tables.table import Table

__all__ = ["described_columns", "names_of_shards", "open_parquet", "values_of"]

_PURPOSE = "reading Parquet files"
_EXTRA = "tables"
_ROWS_AT_ONCE = 256
_PLAIN = ("Value", "ClassLabel")
_NESTED = re.compile(r"(large_|fixed_size_)?(list|struct|map|binary)")


def open_parquet(files: Sequence[Path]) -> Table:
    """A table of typed columns.

    Raises:
        DataError: a file is damaged, or their columns differ.
    """
    features = described_columns(files)
    n = sum(_rows(file) for file in files)
    cells = _Columns(files, features)
    return Table(files[0], tuple(features), n, cells, names_of_shards(files), range(n))


def described_columns(files: Sequence[Path]) -> Mapping[str, Any]:
    """The columns that all ``files`` have, and what each holds, in the hub's form.

    Raises:
        DataError: a file is damaged, or their columns differ.
    """
    features = [_described(file) for file in files]
    for file, of in zip(files, features, strict=True):
        if of != features[0]:
            raise DataError(f"the columns of {files[0]} and {file} differ; make them alike")
    return features[0]


def names_of_shards(files: Sequence[Path]) -> str:
    """What an error calls one file or several."""
    return str(files[0]) if len(files) == 1 else f"{files[0]} to {files[-1].name}"


def values_of(files: Sequence[Path], column: str) -> Iterator[Any]:
    """The values of a column, one after another; few are in memory at once.

    Raises:
        DataError: a file is damaged.
    """
    arrow = optional("pyarrow", _PURPOSE, extra=_EXTRA)
    parquet = optional("pyarrow.parquet", _PURPOSE, extra=_EXTRA)
    for file in files:
        try:
            with parquet.ParquetFile(file) as opened:
                for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=[column]):
                    yield from batch.column(0).to_pylist()
        except (OSError, ValueError) as error:
            raise _damaged(file, error) from error
        finally:
            arrow.default_memory_pool().release_unused()  # some 60 MB, for training to use


@dataclass(frozen=True)
class _Columns:
    """Typed columns of one or several files.

    Attributes:
        files: with the same columns.
        features: the description of each column, in the hub's form.
    """

    files: Sequence[Path]
    features: Mapping[str, Any]

    def stream(self, name: str) -> Iterator[Any]:
        return values_of(self.files, name)

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        parts = [_typed(file, name, _mapped(file, name)) for file in self.files]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def classes(self, name: str) -> tuple[str, ...] | None:
        feature = self.features[name]
        names = feature.get("names") if isinstance(feature, Mapping) else None
        return tuple(map(str, names)) if names else None

    def is_plain(self, name: str) -> bool:
        feature = self.features[name]
        if not isinstance(feature, Mapping) or feature.get("_type") not in _PLAIN:
            return False
        return not _NESTED.match(str(feature.get("dtype", "")))


def _rows(file: Path) -> int:
    parquet = optional("pyarrow.parquet", _PURPOSE, extra=_EXTRA)
    try:
        return int(parquet.read_metadata(file).num_rows)
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from error


def _described(file: Path) -> Mapping[str, Any]:
    parquet = optional("pyarrow.parquet", _PURPOSE, extra=_EXTRA)
    try:
        schema = parquet.read_schema(file, memory_map=True)
        described = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        known = described.get("info", {}).get("features", {})
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from error
    return {field.name: known.get(field.name) or _guessed(str(field.type)) for field in schema}


def _guessed(kind: str) -> Mapping[str, Any]:
    """Describe a column by its type where the file does not say what it holds."""
    if kind in ("binary", "large_binary") or kind.startswith("struct<bytes: binary, path: "):
        return {"_type": "Image"}
    return {"_type": "Value", "dtype": kind}


def _mapped(file: Path, name: str) -> Any:
    parquet = optional("pyarrow.parquet", _PURPOSE, extra=_EXTRA)
    try:
        return parquet.read_table(file, columns=[name], memory_map=True).column(0)
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from error


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
    compute = optional("pyarrow.compute", _PURPOSE, extra=_EXTRA)
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


def _damaged(file: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())
    return DataError(f"cannot read {file}: {reason}; get the file again")
