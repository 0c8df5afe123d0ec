"""Images in folders, one folder a class."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from uwe.data.cache import load_cached, stamps
from uwe.data.dataset import Dataset
from uwe.data.images import decode_image
from uwe.data.label_columns import require_ids
from uwe.data.request import Request
from uwe.data.source import EncodedRows, LazyImage, Source, as_source
from uwe.data.splits import IMAGENET
from uwe.data.table import train_and_test
from uwe.errors import DataError, InputError
from uwe.tables import read_labels

__all__ = ["SUFFIXES", "images_below", "load_folder"]

SUFFIXES = frozenset(
    [".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"]
)
_SPLITS = ("train", "test", "val", "valid", "validation")


def load_folder(request: Request) -> Dataset:
    """Your own images: --data-dir with one folder a class, or train/ and test/ of such folders.

    With --labels FILE, a table of ids and labels, the images may be in any folders; an id is the
    path below --data-dir. Images without a label stay in the pool.

    Instead of ``test`` also ``val``, ``valid`` or ``validation``. Classes and files are sorted by
    name; an id is the file's path below the folder. Images become RGB.

    Raises:
        InputError: no folder is given.
        DataError: there are no images, or one cannot be decoded.
    """
    if request.data_dir is None:
        raise InputError("the data set folder needs --data-dir DIR, with one folder a class in it")
    named = request.data_dir / "folder"
    root = named if named.is_dir() else request.data_dir
    if request.labels is not None:
        return _labelled_by_file(request, root, request.labels)
    layout = _layout(root)
    origin = [*stamps(layout.root, layout.files()), layout.notes]
    return load_cached(request, origin, lambda: _open(request, layout), IMAGENET)


def _labelled_by_file(request: Request, root: Path, labels: Path) -> Dataset:
    """Images whose labels stand in a file; those that it does not name have none."""
    files = images_below(root)
    if not files:
        raise DataError(f"there are no images ({', '.join(sorted(SUFFIXES))}) below {root}")
    ids = tuple(_id(file, root) for file in files)
    rows = {row.id: row.label for row in read_labels(labels, request.encoding)}
    require_ids(labels, list(rows), set(ids))
    classes = tuple(sorted({str(label) for label in rows.values() if label is not None}))
    number = {name: at for at, name in enumerate(classes)}
    y = np.array([number.get(str(rows.get(name)), -1) for name in ids], dtype=np.int64)
    origin = [*stamps(root, files), hashlib.blake2b(labels.read_bytes()).hexdigest()]
    encoded = EncodedRows(y, ids, lambda: _images(files))
    opened = partial(as_source, request, classes, encoded, None)
    return load_cached(request, origin, opened, IMAGENET)


@dataclass(frozen=True)
class _Layout:
    """The files of each class, in the pool and in the test split if there is one."""

    root: Path
    train: dict[str, list[Path]]
    test: dict[str, list[Path]] | None
    notes: tuple[str, ...]

    def files(self) -> Iterator[Path]:
        for split in (self.train, self.test or {}):
            for files in split.values():
                yield from files


def _layout(root: Path) -> _Layout:
    """A folder ``train`` is a split if it holds folders, and a class if it holds images."""
    if not _folders(root / "train"):
        return _Layout(root, _files_by_class(root), None, _stray(root))
    there = {name: root / name for name in _SPLITS if (root / name).is_dir()}
    train, test, notes = train_and_test(there, str(root))
    by_class = None if test is None else _files_by_class(test)
    return _Layout(root, _files_by_class(train), by_class, notes)


def _stray(root: Path) -> tuple[str, ...]:
    images = sum(_is_image(path) for path in root.iterdir())
    return (f"{images} images lie in {root} itself and are left out",) if images else ()


def _files_by_class(root: Path) -> dict[str, list[Path]]:
    files = {folder.name: images_below(folder) for folder in _folders(root)}
    if not any(files.values()):
        raise DataError(
            f"there are no images in folders below {root}; put each class's images "
            f"({', '.join(sorted(SUFFIXES))}) into a folder of its own, or name their labels with "
            "--labels FILE"
        )
    empty = next((name for name, of in files.items() if not of), None)
    if empty is not None:
        raise DataError(f"there are no images in {root / empty}; add some or remove the folder")
    return files


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(
        path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def images_below(folder: Path) -> list[Path]:
    """The images in a folder and below, sorted; what is hidden is left out."""
    return sorted(path for path in folder.rglob("*") if _is_image(path, folder))


def _is_image(path: Path, below: Path | None = None) -> bool:
    parts = path.relative_to(below).parts if below else (path.name,)
    return (
        path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in parts)
    )


def _open(request: Request, layout: _Layout) -> Source:
    classes = tuple(layout.train)
    unknown = sorted(set(layout.test or ()) - set(classes))
    if unknown:
        raise DataError(
            f"the class {unknown[0]} has test images, but no training images; the training "
            f"classes are {', '.join(classes)}"
        )
    test = None if layout.test is None else _rows(layout.root, classes, layout.test)
    return as_source(
        request, classes, _rows(layout.root, classes, layout.train), test, layout.notes
    )


def _rows(root: Path, classes: Sequence[str], split: dict[str, list[Path]]) -> EncodedRows:
    files = [file for of in split.values() for file in of]
    labels = [classes.index(name) for name, of in split.items() for _ in of]
    return EncodedRows(
        np.array(labels, dtype=np.int64),
        tuple(_id(file, root) for file in files),
        lambda: _images(files),
    )


def _id(file: Path, root: Path) -> str:
    name = file.relative_to(root).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"the file name {name!a} is not UTF-8; rename it") from error
    return name


def _images(files: Sequence[Path]) -> Iterator[LazyImage]:
    for file in files:
        yield partial(decode_image, file, "RGB", str(file))
