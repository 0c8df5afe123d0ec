"""Images in folders, one folder a class."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from uwe.data.cache import load_cached, stamps
from uwe.data.dataset import Dataset
from uwe.data.image_files import (
    SUFFIXES,
    FoundImages,
    all_of,
    find_images,
    image_id,
    images_beside,
    leads_up,
)
from uwe.data.images import decode_image
from uwe.data.label_columns import class_name, labels_by_row
from uwe.data.request import Request
from uwe.data.source import EncodedRows, LazyImage, Source, as_source
from uwe.data.splits import IMAGENET
from uwe.data.table import train_and_test
from uwe.errors import DataError, InputError
from uwe.tasks import is_missing

__all__ = ["load_folder"]

_SPLITS = ("train", "test", "val", "valid", "validation")


def load_folder(request: Request) -> Dataset:
    """Your own images: --data-dir with one folder a class; with --task, with masks or boxes.

    Or ``train`` and ``test`` of such folders.

    With --labels FILE, a table of ids and labels, the images may be in any folders; an id is the
    path below --data-dir. Images without a label stay in the pool.

    Instead of ``test`` also ``val``, ``valid`` or ``validation``. Classes and files are sorted by
    name; an id is the file's path below the folder. Images become RGB.

    Raises:
        InputError: no folder is given, or it looks like one of masks or boxes and no task is given.
        DataError: there are no images, or one cannot be decoded.
    """
    if request.data_dir is None:
        raise InputError("the data set folder needs --data-dir DIR, with one folder a class in it")
    named = request.data_dir / "folder"
    root = named if named.is_dir() else request.data_dir
    if request.labels is not None:
        return _labelled_by_file(request, root, request.labels)
    if request.task is None:
        for folder in (root, root / "train"):
            _require_classes(folder)
    layout = _layout(root)
    origin = [*stamps(layout.root, layout.files()), layout.notes]
    return load_cached(request, origin, lambda: _open(request, layout), IMAGENET)


def _require_classes(folder: Path) -> None:
    """Refuse images with masks or boxes beside them: these folders are no classes.

    Raises:
        InputError: they look like that.
    """
    beside = next((name for name in _BESIDE if (folder / name).exists()), None)
    if beside is not None and (folder / _IMAGES).is_dir():
        raise InputError(
            f"{folder} has {_IMAGES} and {beside}, as data sets of masks and boxes have; give "
            "--task segmentation or --task detection, or --task classification if they are classes"
        )


_IMAGES = "images"
_BESIDE = ("masks", "annotations.json", "_annotations.coco.json", "annotations", "labels")


def _labelled_by_file(request: Request, root: Path, labels: Path) -> Dataset:
    """Images whose labels stand in a file; those that it does not name have none."""
    found = find_images(root).required(root)
    files = found.files
    ids = tuple(image_id(file, root) for file in files)
    [values] = labels_by_row(labels, [ids], request.encoding)
    names = [None if is_missing(label) else class_name(label) for label in values]
    classes = tuple(sorted({name for name in names if name is not None}))
    number = {name: at for at, name in enumerate(classes)}
    y = np.array([-1 if name is None else number[name] for name in names], dtype=np.int64)
    origin = [
        *stamps(root, files),
        hashlib.blake2b(labels.read_bytes()).hexdigest(),
        found.notes(root),
    ]
    encoded = EncodedRows(y, ids, lambda: _images(files))
    opened = partial(as_source, request, classes, encoded, None, found.notes(root))
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
    beside = images_beside(root)
    stray = f"{len(beside.files)} images lie in {root} itself and are left out"
    notes = ((stray,) if beside.files else ()) + replace(beside, files=[]).notes(root)
    if not _folders(root / "train"):
        found = _found_by_class(root)
        return _Layout(root, _files(found), None, notes + _notes(root, found))
    there = {name: root / name for name in _SPLITS if (root / name).is_dir()}
    train, test, unused = train_and_test(there, str(root))
    splits = [_found_by_class(split) for split in (train, test) if split is not None]
    notes += unused + tuple(note for found in splits for note in _notes(root, found))
    return _Layout(root, _files(splits[0]), None if test is None else _files(splits[1]), notes)


def _files(found: Mapping[str, FoundImages]) -> dict[str, list[Path]]:
    return {name: of.files for name, of in found.items()}


def _notes(root: Path, found: Mapping[str, FoundImages]) -> tuple[str, ...]:
    return all_of(list(found.values())).notes(root)


def _found_by_class(root: Path) -> dict[str, FoundImages]:
    found = {folder.name: find_images(folder) for folder in _folders(root)}
    if not any(of.files for of in found.values()):
        raise DataError(
            f"there are no images in folders below {root}; put each class's images "
            f"({', '.join(sorted(SUFFIXES))}) into a folder of its own, or name their labels with "
            "--labels FILE"
        )
    empty = next((name for name, of in found.items() if not of.files), None)
    if empty is not None:
        also = "".join(f"; {note}" for note in found[empty].notes(root))
        raise DataError(
            f"there are no images in {root / empty}; add some or remove the folder{also}"
        )
    return found


def _folders(root: Path) -> list[Path]:
    """The folders of classes; a link to a folder above is none."""
    if not root.is_dir():
        return []
    return sorted(
        path
        for path in root.iterdir()
        if path.is_dir() and not path.name.startswith(".") and not leads_up(path, root)
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
        tuple(image_id(file, root) for file in files),
        lambda: _images(files),
    )


def _images(files: Sequence[Path]) -> Iterator[LazyImage]:
    for file in files:
        yield partial(decode_image, file, "RGB", str(file))
