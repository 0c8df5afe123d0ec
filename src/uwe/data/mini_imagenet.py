"""mini-ImageNet from the three pickles that papers on it share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uwe._types import Images
from uwe.data.cache import load_cached, stamps
from uwe.data.dataset import Dataset
from uwe.data.request import Request
from uwe.data.source import EncodedRows, LazyImage, Source, as_lazy, class_name
from uwe.data.splits import IMAGENET
from uwe.data.unpickle import read_pickle
from uwe.errors import DataError

__all__ = ["load_mini_imagenet"]

_FILES = tuple(f"mini-imagenet-cache-{part}.pkl" for part in ("train", "val", "test"))
_SOURCE = "github.com/renmengye/few-shot-ssl-public (the section on miniImageNet)"
_BY_CUSTOM = Path("dataset/miniimagenet")  # where the paper's code looks
_TEST_ROWS_OF_600 = 120


@dataclass(frozen=True)
class _Class:
    """The rows of one class in the images of its file."""

    name: str
    images: Images
    rows: tuple[int, ...]


def load_mini_imagenet(request: Request) -> Dataset:
    """mini-ImageNet: photographs, 84x84, 100 classes, 48,000 and 12,000 images.

    All classes of the three files together, in the order of the train, val and test files'
    dictionaries; rows class by class, as the dictionaries list them. Of each class the first
    fifth (120 of 600) are test rows. An id is the class name and the row's place in its list.

    Raises:
        InputError: a test fraction is given.
        DataError: its files are missing or broken.
    """
    request.refuse_test_fraction()
    folder = _folder(request)
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)}; all three files are needed, from {_SOURCE}"
        )
    files = [folder / name for name in _FILES]
    return load_cached(request, stamps(folder, files), lambda: _open(files), IMAGENET)


def _folder(request: Request) -> Path:
    places = request.places("miniimagenet") if request.data_dir is not None else (_BY_CUSTOM,)
    for place in places:
        if any((place / name).is_file() for name in _FILES):
            return place
    raise DataError(
        f"mini_imagenet is not in {' or '.join(map(str, places))}; looked for "
        f"{', '.join(_FILES)}; get these three files from "
        f"{_SOURCE} and name their folder with --data-dir"
    )


def _open(files: Sequence[Path]) -> Source:
    classes = [one for file in files for one in _read(file)]
    names = tuple(one.name for one in classes)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"the class {twice} is in two of {', '.join(map(str, files))}")
    sizes = [len(one.rows) for one in classes]
    return Source(
        EncodedRows(
            y=np.repeat(np.arange(len(classes), dtype=np.int64), sizes),
            ids=tuple(f"{one.name}/{place}" for one in classes for place in range(len(one.rows))),
            images=lambda: _images(classes),
        ),
        is_test=np.array(
            [place < _test_rows(size) for size in sizes for place in range(size)], dtype=np.bool_
        ),
        classes=names,
        notes=("mini_imagenet: the first fifth of each class's rows is the test split",),
    )


def _test_rows(size: int) -> int:
    return size * _TEST_ROWS_OF_600 // 600


def _images(classes: Sequence[_Class]) -> Iterator[LazyImage]:
    for one in classes:
        yield from as_lazy(one.images[row] for row in one.rows)


def _read(path: Path) -> list[_Class]:
    content = read_pickle(path)
    images, rows_of = content.get("image_data"), content.get("class_dict")
    if (
        not isinstance(images, np.ndarray)
        or images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[3] != 3
    ):
        found = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else "no array"
        raise DataError(f"{path}: image_data must be uint8 (rows, height, width, 3), not {found}")
    if not isinstance(rows_of, dict):
        raise DataError(f"{path}: class_dict must map class names to lists of row numbers")
    _check_rows(path, rows_of, len(images))
    return [_Class(class_name(path, name), images, tuple(rows)) for name, rows in rows_of.items()]


def _check_rows(path: Path, rows_of: dict[Any, Any], images: int) -> None:
    used: set[int] = set()
    for key, rows in rows_of.items():
        name = class_name(path, key)
        if not isinstance(rows, list) or not all(type(row) is int for row in rows):
            raise DataError(f"{path}: the rows of class {name} must be whole numbers")
        wrong = next((row for row in rows if not 0 <= row < images), None)
        if wrong is not None:
            raise DataError(
                f"{path}: class {name} names row {wrong}, but there are {images} images"
            )
        if len(set(rows)) < len(rows) or used & set(rows):
            raise DataError(f"{path}: class {name} names a row that is named twice")
        used |= set(rows)
