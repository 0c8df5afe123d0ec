"""Your own images with masks or boxes beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from uwe.data.cache import load_cached, stamps
from uwe.data.dataset import Dataset
from uwe.data.dense.annotations import LazyTarget, Way
from uwe.data.dense.coco import COCO_BOXES, COCO_MASKS
from uwe.data.dense.entries import about_labels, entries_of
from uwe.data.dense.layout import Place, class_names, find_places
from uwe.data.dense.masks import MASK_FILES
from uwe.data.dense.rows import DenseRows, DenseSource, Item, LazyItem, as_dense
from uwe.data.dense.voc import VOC
from uwe.data.dense.yolo import YOLO
from uwe.data.images import decode_image
from uwe.data.request import Request
from uwe.data.splits import IMAGENET
from uwe.errors import DataError, InputError

__all__ = ["load_dense_folder"]

WAYS: Mapping[str, Sequence[Way]] = {
    "segmentation": (MASK_FILES, COCO_MASKS),
    "detection": (COCO_BOXES, VOC, YOLO),
}
"""The ways in which the labels of each task may be written; the first that is found is read."""


def load_dense_folder(request: Request) -> Dataset:
    """Images of ``--data-dir`` with masks or boxes: DIR/images, or train/images and test/images.

    Masks are in DIR/masks, or polygons and RLE of COCO in DIR/annotations.json. Boxes are those of
    DIR/annotations.json, of Pascal VOC or of YOLO, in DIR/annotations or DIR/labels or beside the
    images. Images without a label stay in the pool.

    Raises:
        InputError: no folder is given.
        DataError: there are no images or labels, or they do not fit.
    """
    if request.data_dir is None:
        raise InputError("the data set folder needs --data-dir DIR, with a folder images in it")
    named = request.data_dir / "folder"
    root = named if named.is_dir() else request.data_dir
    places, notes = find_places(root)
    way = _way(request, places)
    files = dict.fromkeys(
        path for place in places for path in (*place.files, *way.files(place), *_names(places))
    )
    origin = [*stamps(root, files), *about_labels(request), way.name]
    opened = partial(_open, request, places, way, notes)
    return load_cached(request, origin, opened, IMAGENET, entries_of(request))


def _names(places: Sequence[Place]) -> list[Path]:
    named = class_names(places)
    return [] if named is None else [named[0]]


def _way(request: Request, places: Sequence[Place]) -> Way:
    """The way in which the labels of the first split, or else of the second, are written."""
    ways = WAYS[request.task or "segmentation"]
    found = next((way for place in places for way in ways if way.files(place)), None)
    if found is None:
        looked = "; ".join(f"{way.name} in {way.where}" for way in ways)
        raise DataError(
            f"{places[0].base} has {len(places[0].files):,} images, but no labels for "
            f"{request.task}; looked for {looked}"
        )
    return found


def _open(
    request: Request, places: Sequence[Place], way: Way, notes: tuple[str, ...]
) -> DenseSource:
    read = way.read(places, request)
    splits = [_rows(place, of) for place, of in zip(places, read.targets, strict=True)]
    said = (*notes, *(note for place in places for note in place.notes), *read.notes)
    return as_dense(request, read.classes, splits, said)


def _rows(place: Place, targets: Mapping[int, LazyTarget]) -> DenseRows:
    labelled = np.array([row in targets for row in range(len(place.files))], dtype=np.bool_)
    return DenseRows(place.ids, labelled, lambda: _items(place, targets))


def _items(place: Place, targets: Mapping[int, LazyTarget]) -> Iterator[LazyItem]:
    for row, file in enumerate(place.files):
        yield partial(_item, file, place.shown(file), targets.get(row))


def _item(file: Path, name: str, target: LazyTarget | None) -> Item:
    image = decode_image(file, "RGB", name)
    return Item(image, None if target is None else target(), name)
