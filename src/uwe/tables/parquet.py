"""Files of typed columns: Parquet, Feather and Arrow. A column is read when it is asked for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uwe.errors import DataError, text_of
from uwe.tables.cells import taken
from uwe.tables.table import Table, about_index, without_index
from uwe.tables.text_files import say_adapted

__all__ = [
    "ARROW_SUFFIXES",
    "PARQUET_SUFFIX",
    "described_columns",
    "names_of_shards",
    "open_columnar",
    "values_of",
]

PARQUET_SUFFIX = ".parquet"
ARROW_SUFFIXES = (".feather", ".arrow")

_ROWS_AT_ONCE = 256
_PLAIN = ("Value", "ClassLabel")
_NESTED = "Nested"
_BYTES = "bytes"
_WIDTH = re.compile(r"large_|fixed_size_|_view|(?<=>)\[\d+\]")
"""What differs between types that mean the same."""


def open_columnar(path: Path) -> Table:
    """A table of typed columns: ``.parquet``, ``.feather`` or ``.arrow``.

    Raises:
        DataError: the file is damaged.
    """
    schema, n = _schema(path)
    features = _described(path, schema)
    names, index = without_index(list(features), _marked(schema))
    say_adapted(path, about_index(index))
    return Table(path, names, n, _Columns(path, features, n), str(path), range(n), index=index)


def described_columns(files: Sequence[Path]) -> Mapping[str, Any]:
    """The columns that all ``files`` have, and what each holds, in the hub's form.

    Raises:
        DataError: a file is damaged, or their columns differ.
    """
    features = [_described(file, _schema(file)[0]) for file in files]
    for file, of in zip(files, features, strict=True):
        if of != features[0]:
            raise DataError(
                f"the columns of {files[0]} and {file} differ; {differing(features[0], of)}; make "
                "them alike"
            )
    return features[0]


def differing(first: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The first column in which two files differ, in words.

    >>> differing({"a": 1, "b": 1}, {"a": 1})
    "only the first has 'b'"
    """
    for name in first:
        if name not in other:
            return f"only the first has {name!r}"
        if first[name] != other[name]:
            return f"{name!r} holds something else"
    return f"only the second has {next(name for name in other if name not in first)!r}"


def names_of_shards(files: Sequence[Path]) -> str:
    """What an error calls one file or several."""
    return str(files[0]) if len(files) == 1 else f"{files[0]} to {files[-1].name}"


def values_of(files: Sequence[Path], column: str) -> Iterator[Any]:
    """The values of a column, one after another; few are in memory at once.

    Raises:
        DataError: a file is damaged.
    """
    import pyarrow as arrow

    try:
        for file in files:
            for batch in _batches(file, column):
                with _whole(file):
                    values = batch.to_pylist()
                yield from values
    finally:
        arrow.default_memory_pool().release_unused()  # some 60 MB, for training to use


@dataclass(frozen=True)
class _Columns:
    """Typed columns of a file.

    Attributes:
        file: of Parquet or Arrow.
        features: the description of each column, in the hub's form.
        n: rows, as the file says.
    """

    file: Path
    features: Mapping[str, Any]
    n: int

    def stream(self, name: str) -> Iterator[Any]:
        count = 0
        for value in values_of([self.file], name):
            count += 1
            yield value
        self._require(name, count)

    def take(self, name: str, rows: Sequence[int]) -> dict[int, Any]:
        return taken(self.stream(name), rows)

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        from uwe.tables.arrow_numbers import numbers_in

        column = _column(self.file, name)
        self._require(name, len(column))
        return numbers_in(column)

    def _require(self, name: str, count: int) -> None:
        """Check that a column has as many rows as the file says."""
        if count != self.n:
            raise DataError(
                f"{self.file}: column {name!r} has {count} rows, but the file says {self.n}; the "
                "file is damaged; get it again"
            )

    def classes(self, name: str) -> tuple[str, ...] | None:
        feature = self.features[name]
        names = feature.get("names") if isinstance(feature, Mapping) else None
        return tuple(map(str, names)) if names else None

    def is_plain(self, name: str) -> bool:
        feature = self.features[name]
        return isinstance(feature, Mapping) and feature.get("_type") in _PLAIN

    def kind(self, name: str) -> str:
        feature = self.features[name]
        told = feature if isinstance(feature, Mapping) else {"_type": "list"}
        kind = _WIDTH.sub("", str(told.get("dtype", "")))
        return f"{told.get('_type')} {kind}".strip()


@contextmanager
def _whole(file: Path) -> Iterator[None]:
    """Name a file in which Arrow finds a fault, of any kind."""
    import pyarrow as arrow

    try:
        yield
    except DataError:
        raise
    except (arrow.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError,
            OverflowError, MemoryError) as error:  # fmt: skip
        raise _damaged(file, error) from error


def _schema(file: Path) -> tuple[Any, int]:
    """The schema and the number of rows."""
    if file.suffix.lower() in ARROW_SUFFIXES:
        table = _arrow_table(file)
        return table.schema, table.num_rows
    import pyarrow.parquet as parquet

    with _whole(file), parquet.ParquetFile(file, memory_map=True) as opened:
        schema = opened.schema_arrow
        _require_once(file, schema.names)
        return schema, int(opened.metadata.num_rows)


def _batches(file: Path, column: str) -> Iterator[Any]:
    if file.suffix.lower() in ARROW_SUFFIXES:
        for piece in _column(file, column).chunks:
            for start in range(0, len(piece), _ROWS_AT_ONCE):
                yield piece.slice(start, _ROWS_AT_ONCE)
        return
    import pyarrow.parquet as parquet

    with _whole(file):
        opened = parquet.ParquetFile(file)
    with opened:
        batches = opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=[column])
        while True:
            with _whole(file):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch.column(batch.schema.names.index(column))


def _column(file: Path, name: str) -> Any:
    if file.suffix.lower() in ARROW_SUFFIXES:
        return _arrow_table(file, name).column(name)
    import pyarrow.parquet as parquet

    with _whole(file):
        column = parquet.read_table(file, columns=[name], memory_map=True).column(name)
        column.validate(full=True)
        return column


def _arrow_table(file: Path, column: str | None = None) -> Any:
    """A file of Arrow, mapped and validated: as a file, as a stream, or of Feather's first form.

    Args:
        file: of any of these.
        column: the only one that is read; None: all.
    """
    import pyarrow as arrow
    from pyarrow import feather, ipc

    with _whole(file):
        with arrow.memory_map(str(file)) as source:
            magic = source.read(4)
        if magic == b"FEA1":
            table = feather.read_table(file, columns=None if column is None else [column])
        else:
            opened = ipc.open_file if magic == b"ARRO" else ipc.open_stream
            reader = opened(arrow.memory_map(str(file)))
            if column is not None:
                only = ipc.IpcReadOptions(included_fields=[reader.schema.names.index(column)])
                reader = opened(arrow.memory_map(str(file)), options=only)
            table = reader.read_all()
        table.validate(full=True)
        _require_once(file, table.schema.names)
        return table


def _require_once(file: Path, names: Sequence[str]) -> None:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"{file} has two columns {twice!r}; rename one")


def _described(file: Path, schema: Any) -> Mapping[str, Any]:
    """What each column holds, in the hub's form: as its type says, with the hub's class names."""
    with _whole(file):
        known = _told_features(schema)
        return {field.name: _feature(field.type, known.get(field.name)) for field in schema}


def _told_features(schema: Any) -> Mapping[str, Any]:
    """What the metadata of the Hugging Face hub say of the columns; empty if they make no sense."""
    found: Any = _json_in(schema, b"huggingface")
    for key in ("info", "features"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _feature(kind: Any, told: Any) -> Any:
    """A column by its type, and by what the hub's metadata say as far as the type bears it."""
    import pyarrow as arrow

    guessed = _guessed(kind)
    if not isinstance(told, Mapping):
        return guessed if told is None else told
    if told.get("_type") == "ClassLabel":
        names = told.get("names")
        fits = arrow.types.is_integer(kind) and isinstance(names, list) and bool(names)
        return told if fits else guessed
    if told.get("_type") == "Image":
        return told if guessed["_type"] == "Image" else guessed
    if guessed["_type"] == _NESTED:
        return {**guessed, "told": told}
    return told if guessed["_type"] == told.get("_type") == "Value" else guessed


def _guessed(kind: Any) -> Mapping[str, Any]:
    """Describe a column by its type."""
    import pyarrow as arrow

    types = arrow.types
    if isinstance(kind, arrow.BaseExtensionType):
        return {"_type": "Extension", "dtype": str(kind)}
    if types.is_dictionary(kind):
        return _guessed(kind.value_type)
    if _is_binary(kind) or (types.is_struct(kind) and _holds_bytes(kind)):
        return {"_type": "Image"}
    if types.is_nested(kind) and not str(kind).startswith("run_end_encoded"):
        return {"_type": _NESTED, "dtype": str(kind)}
    if str(kind) == "string_view":
        return {"_type": "Value", "dtype": "string"}
    return {"_type": "Value", "dtype": str(kind)}


def _is_binary(kind: Any) -> bool:
    import pyarrow as arrow

    is_view = getattr(arrow.types, "is_binary_view", lambda _: str(kind) == "binary_view")
    return arrow.types.is_binary(kind) or arrow.types.is_large_binary(kind) or bool(is_view(kind))


def _holds_bytes(kind: Any) -> bool:
    """Whether a struct is an encoded image: bytes, and the path that they came from."""
    fields = {kind.field(at).name: kind.field(at).type for at in range(kind.num_fields)}
    return _BYTES in fields and _is_binary(fields[_BYTES]) and set(fields) <= {_BYTES, "path"}


def _marked(schema: Any) -> list[str]:
    """The columns that pandas' metadata call an index."""
    told: Any = _json_in(schema, b"pandas")
    columns = told.get("index_columns") if isinstance(told, Mapping) else None
    names = columns if isinstance(columns, list) else []
    return [name for name in names if isinstance(name, str) and name in schema.names]


def _json_in(schema: Any, key: bytes) -> Any:
    """JSON in the metadata; None where there is none, or it is damaged."""
    try:
        return json.loads((schema.metadata or {}).get(key, b"null"))
    except (ValueError, RecursionError):
        return None


def _damaged(file: Path, error: BaseException) -> DataError:
    reason = text_of(error, longest=_LONGEST_REASON)
    return DataError(f"cannot read {file}: {reason}; the file is damaged; get it again")


_LONGEST_REASON = 200
