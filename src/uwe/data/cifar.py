"""CIFAR-10 and CIFAR-100: Parquet files, the official Python batches, or the hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uwe._types import Images, Labels
from uwe.data.cache import load_cached, stamps
from uwe.data.dataset import Dataset
from uwe.data.hub import load_from_hub
from uwe.data.parquet import parquet_splits, parquet_table
from uwe.data.request import Request
from uwe.data.source import EncodedRows, LazyImage, Source, as_lazy, as_source, class_name
from uwe.data.splits import Preparation
from uwe.data.table import Columns, Table, read_tables, require_columns
from uwe.data.unpickle import read_pickle
from uwe.errors import DataError

__all__ = ["PREPARATION", "load_cifar10", "load_cifar100"]

PREPARATION = Preparation(
    mean=(125.3 / 255, 123.0 / 255, 113.9 / 255),
    std=(63.0 / 255, 62.1 / 255, 66.7 / 255),
    crop_padding=4,
    flip=True,
    batch=256,
)
"""How images of either become a network's input."""

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE


@dataclass(frozen=True)
class _Release:
    """How one of the two is laid out: in columns on the hub, and in Python batches."""

    classes: int
    columns: Columns
    hub: str
    archive: str
    folder: str
    train: tuple[str, ...]
    test: str
    meta: str
    labels_key: str
    names_key: str

    @property
    def files(self) -> tuple[str, ...]:
        return (*self.train, self.test, self.meta)


_CIFAR10 = _Release(
    classes=10,
    columns=Columns("img", "label"),
    hub="uoft-cs/cifar10",
    archive="cifar-10-python.tar.gz",
    folder="cifar-10-batches-py",
    train=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test="test_batch",
    meta="batches.meta",
    labels_key="labels",
    names_key="label_names",
)
_CIFAR100 = _Release(
    classes=100,
    columns=Columns("img", "fine_label"),
    hub="uoft-cs/cifar100",
    archive="cifar-100-python.tar.gz",
    folder="cifar-100-python",
    train=("train",),
    test="test",
    meta="meta",
    labels_key="fine_labels",
    names_key="fine_label_names",
)


def load_cifar10(request: Request) -> Dataset:
    """CIFAR-10: photographs, 32x32, 10 classes, 50,000 and 10,000 images.

    From ``--data-dir`` as Parquet files or official Python batches, else from the hub.

    Raises:
        DataError: its files are missing or broken.
    """
    return _load(request, _CIFAR10)


def load_cifar100(request: Request) -> Dataset:
    """CIFAR-100: photographs, 32x32, 100 (fine) classes, 50,000 and 10,000 images.

    From ``--data-dir`` as Parquet files or official Python batches, else from the hub.

    Raises:
        DataError: its files are missing or broken.
    """
    return _load(request, _CIFAR100)


def _load(request: Request, release: _Release) -> Dataset:
    if request.data_dir is None:
        return load_from_hub(
            request, release.hub, lambda table: _columns(table, request, release), PREPARATION
        )
    for place in request.places():
        splits = parquet_splits(place)
        if splits:
            return _load_parquet(request, release, place, splits)
        for folder in (place / release.folder, place):
            if any((folder / name).is_file() for name in release.files):
                return _load_batches(request, release, folder)
    raise _not_found(request, release)


def _load_parquet(
    request: Request, release: _Release, place: Path, splits: dict[str, list[Path]]
) -> Dataset:
    if "train" not in splits:
        raise DataError(
            f"{place} holds Parquet files, but no train-*.parquet; the splits there are "
            f"{', '.join(sorted(splits))}"
        )
    files = [file for split in ("train", "test") for file in splits.get(split, [])]
    return load_cached(
        request, stamps(place, files), lambda: _open_parquet(request, release, splits), PREPARATION
    )


def _open_parquet(request: Request, release: _Release, splits: dict[str, list[Path]]) -> Source:
    train = parquet_table(splits["train"])
    test = parquet_table(splits["test"]) if "test" in splits else None
    return read_tables(request, train, test, _columns(train, request, release))


def _columns(table: Table, request: Request, release: _Release) -> Columns:
    require_columns(table, release.columns, release.classes, request.name)
    return release.columns


def _load_batches(request: Request, release: _Release, folder: Path) -> Dataset:
    files = [folder / name for name in release.files]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)}; unpack {release.archive} again, whole"
        )
    return load_cached(
        request,
        stamps(folder, files),
        lambda: _open_batches(request, release, folder),
        PREPARATION,
    )


def _open_batches(request: Request, release: _Release, folder: Path) -> Source:
    classes = _class_names(folder / release.meta, release)
    train = [_read_batch(folder / name, release) for name in release.train]
    test = [_read_batch(folder / release.test, release)]
    return as_source(request, classes, _rows(train), _rows(test))


def _class_names(path: Path, release: _Release) -> tuple[str, ...]:
    names = read_pickle(path).get(release.names_key)
    if not isinstance(names, list) or len(names) != release.classes:
        raise DataError(
            f"{path} must list {release.classes} names under {release.names_key}, not "
            f"{len(names) if isinstance(names, list) else type(names).__name__}"
        )
    return tuple(class_name(path, name) for name in names)


def _read_batch(path: Path, release: _Release) -> tuple[Images, Labels]:
    batch = read_pickle(path)
    pixels = _pixels(path, batch.get("data"))
    labels = _labels(path, batch.get(release.labels_key), release)
    if len(pixels) != len(labels):
        raise DataError(f"{path} has {len(pixels)} images, but {len(labels)} labels")
    return pixels, labels


def _pixels(path: Path, data: object) -> Images:
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (_PIXELS,):
        found = (
            f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        )
        raise DataError(f"{path}: data must be uint8 (rows, {_PIXELS}), not {found}")
    return data.reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)


def _labels(path: Path, labels: object, release: _Release) -> Labels:
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise DataError(f"{path}: {release.labels_key} must be a list of whole numbers")
    wrong = next((label for label in labels if not 0 <= label < release.classes), None)
    if wrong is not None:
        raise DataError(
            f"{path}: label {wrong} of row {labels.index(wrong)} is outside the "
            f"{release.classes} classes (0 to {release.classes - 1})"
        )
    return np.array(labels, dtype=np.int64)


def _rows(batches: Sequence[tuple[Images, Labels]]) -> EncodedRows:
    y = np.concatenate([labels for _, labels in batches])
    return EncodedRows(y, tuple(map(str, range(len(y)))), lambda: _images(batches))


def _images(batches: Sequence[tuple[Images, Labels]]) -> Iterator[LazyImage]:
    for pixels, _ in batches:
        yield from as_lazy(pixels)


def _not_found(request: Request, release: _Release) -> DataError:
    places = request.places()
    for place in places:
        if (place / release.archive).is_file():
            return DataError(
                f"{place / release.archive} is packed; unpack it there: tar -xzf {release.archive}"
            )
    return DataError(
        f"{request.name} is not in {' or '.join(map(str, places))}; looked for "
        f"train-*.parquet (also in data/) and {release.folder}/{release.train[0]}; get "
        f"{release.archive} from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it "
        "there, or leave out --data-dir to load it from the hub"
    )
