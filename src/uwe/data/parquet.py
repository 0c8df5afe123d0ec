"""Folders of Parquet files, one or several a split, read where they lie."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from uwe.data.table import Table
from uwe.errors import DataError
from uwe.tables.parquet import described_columns, names_of_shards, values_of

__all__ = ["parquet_splits", "parquet_table"]

_SHARD = re.compile(r"-(\d+)-of-(\d+)$")


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
    features = described_columns(files)
    return Table(names_of_shards(files), features, lambda column: values_of(files, column))


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
