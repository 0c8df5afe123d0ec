"""Folders of Parquet files, one or several a split, read where they lie."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from uwe._optional import optional
from uwe.data.table import Table
from uwe.errors import DataError

__all__ = ["parquet_splits", "parquet_table"]

_PURPOSE = "reading Parquet files"
_SHARD = re.compile(r"-(\d+)-of-(\d+)$")
_ROWS_AT_ONCE = 256


def parquet_splits(folder: Path) -> dict[str, list[Path]]:
    """Find the Parquet files of each split: ``SPLIT-*.parquet``, here or in ``data/``.

    Raises:
        DataError: one of several numbered files is missing.
    """
    for place in (folder, folder / "data"):
        splits: defaultdict[str, list[Path]] = defaultdict(list)
        for file in sorted(place.glob("*.parquet")):
            splits[file.stem.partition("-")[0]].append(file)
        if splits:
            for files in splits.values():
                _check_complete(files)
            return dict(splits)
    return {}


def parquet_table(files: Sequence[Path]) -> Table:
    """Read one split; its images stay in the files until they are asked for.

    Raises:
        DataError: a file is damaged, or their columns differ.
    """
    features = [_features(file) for file in files]
    for file, of in zip(files, features, strict=True):
        if of != features[0]:
            raise DataError(f"the columns of {files[0]} and {file} differ; make them alike")
    name = str(files[0]) if len(files) == 1 else f"{files[0]} to {files[-1].name}"
    return Table(name, features[0], lambda column: _values(files, column))


def _check_complete(files: Sequence[Path]) -> None:
    for file in files:
        numbered = _SHARD.search(file.stem)
        if numbered is None:
            continue
        digits, last = len(numbered[1]), numbered[2]
        for number in range(int(last)):
            start = file.stem[: numbered.start()]
            beside = file.with_name(f"{start}-{number:0{digits}d}-of-{last}.parquet")
            if beside not in files:
                raise DataError(f"{beside} is missing, but {file.name} is there; get it too")


def _values(files: Sequence[Path], column: str) -> Iterator[Any]:
    arrow, parquet = optional("pyarrow", _PURPOSE), optional("pyarrow.parquet", _PURPOSE)
    for file in files:
        try:
            with parquet.ParquetFile(file) as opened:
                for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=[column]):
                    yield from batch.column(0).to_pylist()
        except (OSError, ValueError) as error:
            raise _damaged(file, error) from error
        finally:
            arrow.default_memory_pool().release_unused()  # some 60 MB, for training to use


def _features(file: Path) -> Mapping[str, Any]:
    parquet = optional("pyarrow.parquet", _PURPOSE)
    try:
        schema = parquet.read_schema(file)
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


def _damaged(file: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())
    return DataError(f"cannot read {file}: {reason}; get the file again")
