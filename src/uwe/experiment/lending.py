"""Checked experiments for other processes; arrays are mapped from files, not copied into each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np

from uwe.data import Dataset, Split
from uwe.experiment.prepared import Prepared

__all__ = ["Lent", "lent", "opened"]

_SPLITS = ("train", "test")
_BLOCK = 2**24


@dataclass(frozen=True)
class MappedArray:
    """A stretch of a file that holds an array.

    Attributes:
        path: of the file.
        dtype: of the array.
        shape: of the array.
        offset: bytes before its first number.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    def open(self) -> Any:
        """The array, read when its rows are used."""
        return np.memmap(
            self.path, dtype=self.dtype, mode="r", shape=self.shape, offset=self.offset
        )


@dataclass(frozen=True)
class LentDataset:
    """A data set whose arrays are in files that several processes map into memory.

    Attributes:
        rest: the fields of the data set other than its splits.
        splits: rows and labels of each split; rows that no file can hold are here as they are.
    """

    rest: Mapping[str, Any]
    splits: Mapping[str, tuple[Any, Any]]

    def open(self) -> Dataset:
        """The data set."""
        splits = {
            name: Split(x.open() if isinstance(x, MappedArray) else x, y)
            for name, (x, y) in self.splits.items()
        }
        return Dataset(**{**self.rest, **splits})


@dataclass(frozen=True)
class Lent:
    """Checked experiments that another process opens.

    Attributes:
        datasets: each data set once.
        prepared: the experiments without their data, and the number of the data set.
        folder: of the temporary files.
    """

    datasets: Sequence[LentDataset]
    prepared: Sequence[tuple[Prepared, int]]
    folder: Path


@contextmanager
def lent(prepared: Sequence[Prepared]) -> Iterator[Lent]:
    """The experiments in a form that other processes open; temporary files are removed at last."""
    datasets = {id(each.dataset): each.dataset for each in prepared}
    numbers = {key: number for number, key in enumerate(datasets)}
    with TemporaryDirectory(prefix="uwe-") as folder:
        yield Lent(
            [_lent(dataset, Path(folder), at) for at, dataset in enumerate(datasets.values())],
            [(_without_data(each), numbers[id(each.dataset)]) for each in prepared],
            Path(folder),
        )


def _without_data(prepared: Prepared) -> Prepared:
    return replace(prepared, dataset=cast(Dataset, None))


def opened(lent: Lent) -> list[Prepared]:
    """The experiments with their data."""
    datasets = [each.open() for each in lent.datasets]
    return [replace(each, dataset=datasets[number]) for each, number in lent.prepared]


def _lent(dataset: Dataset, folder: Path, number: int) -> LentDataset:
    rest = {key: value for key, value in vars(dataset).items() if key not in _SPLITS}
    splits = {}
    for name in _SPLITS:
        split: Split = getattr(dataset, name)
        splits[name] = (_lent_rows(split.x, folder / f"{number}_{name}.npy"), split.y)
    return LentDataset(rest, splits)


def _lent_rows(x: Any, path: Path) -> Any:
    """Rows as a mapped file: the one they come from, or a new one; objects and sparse rows stay."""
    if not isinstance(x, np.ndarray) or x.dtype.hasobject:
        return x
    if (there := _already_mapped(x)) is not None:
        return there
    np.save(path, np.ascontiguousarray(x))
    saved = np.load(path, mmap_mode="r")
    return MappedArray(path, saved.dtype, saved.shape, saved.offset)


def _is_still(mapped: np.memmap[Any, Any], path: str) -> bool:
    """Whether the file at ``path`` holds the bytes that are mapped."""
    try:
        there = np.memmap(path, dtype=np.uint8, mode="r", offset=mapped.offset)
    except (OSError, ValueError):
        return False
    here = np.frombuffer(mapped, dtype=np.uint8)
    return len(there) >= len(here) and all(
        np.array_equal(there[start : start + _BLOCK], here[start : start + _BLOCK])
        for start in range(0, len(here), _BLOCK)
    )


def _already_mapped(x: np.ndarray[Any, Any]) -> MappedArray | None:
    """Where the array stands in a file, if it is a contiguous stretch of a file mapped read-only.

    What was changed in memory, or mapped from a file that has been replaced since, is copied.
    """
    root: Any = x
    while isinstance(root.base, np.ndarray):
        root = root.base
    if not isinstance(root, np.memmap) or root.mode != "r" or not x.flags.c_contiguous:
        return None
    if root.filename is None or not _is_still(root, root.filename):
        return None
    offset = root.offset + x.ctypes.data - root.ctypes.data
    return MappedArray(Path(root.filename), x.dtype, x.shape, offset)
