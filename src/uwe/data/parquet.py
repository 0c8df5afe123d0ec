"""Folders of tables, one or several files a split, read where they lie."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from uwe.data.table import SPLIT_NAMES, Table
from uwe.errors import DataError
from uwe.tables import stem_of, tables_in
from uwe.tables.parquet import described_columns, names_of_shards, values_of

__all__ = ["parquet_splits", "parquet_table", "table_splits"]

_SHARD = re.compile(r"-(\d+)-of-(\d+)$")


def parquet_splits(folder: Path) -> dict[str, list[Path]]:
    """Find the Parquet files of each split: ``SPLIT-*.parquet``, here or in ``data/``.

    Files none of which is called by a split, such as ``part-0.parquet``, are one split.

    Raises:
        DataError: one of several numbered files is missing.
    """
    for place in (folder, folder / "data"):
        files = [file for file in sorted(place.glob("*.parquet")) if not file.name.startswith(".")]
        if files:
            return _by_split(files)
    return {}


def table_splits(folder: Path) -> dict[str, list[Path]]:
    """Find the files of each split as `parquet_splits`, or tables of another format.

    Raises:
        DataError: there are none, they are of several formats, or a numbered file is missing.
    """
    return parquet_splits(folder) or _by_split(tables_in(folder))


def _by_split(files: Sequence[Path]) -> dict[str, list[Path]]:
    splits: defaultdict[str, list[Path]] = defaultdict(list)
    for file in files:
        splits[stem_of(file).partition("-")[0]].append(file)
    if not SPLIT_NAMES & set(splits):
        splits = defaultdict(list, {"all": list(files)})
    for of in splits.values():
        _check_complete(of)
    return dict(splits)


def parquet_table(files: Sequence[Path]) -> Table:
    """Read one split; its images stay in the files until they are asked for.

    Raises:
        DataError: a file is damaged, or their columns differ.
    """
    features = described_columns(files)
    return Table(names_of_shards(files), features, lambda column: values_of(files, column))


def _check_complete(files: Sequence[Path]) -> None:
    for file in files:
        stem = stem_of(file)
        numbered = _SHARD.search(stem)
        if numbered is None:
            continue
        digits, last = len(numbered[1]), numbered[2]
        for number in range(int(last)):
            start, suffix = stem[: numbered.start()], file.name.removeprefix(stem)
            beside = file.with_name(f"{start}-{number:0{digits}d}-of-{last}{suffix}")
            if beside not in files:
                raise DataError(f"{beside} is missing, but {file.name} is there; get it too")
