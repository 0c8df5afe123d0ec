"""Masks and boxes in columns, as data sets of the Hugging Face hub have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from uwe._types import is_integral, is_real
from uwe.data.cache import load_cached
from uwe.data.dataset import Dataset
from uwe.data.dense.entries import about_labels, entries_of
from uwe.data.dense.rows import (
    MOST_CLASSES,
    DenseRows,
    DenseSource,
    GivenBoxes,
    GivenMask,
    Item,
    LazyItem,
    as_dense,
)
from uwe.data.hub import hub_tables
from uwe.data.images import decode_image, decode_mask
from uwe.data.request import Request
from uwe.data.splits import IMAGENET
from uwe.data.table import IMAGE_NAMES, Table, encoded_image, kind_of_column, only_column
from uwe.errors import DataError
from uwe.tasks.targets import as_name

__all__ = ["load_dense_hub"]

_MASK_NAMES = ("annotation", "mask", "label", "segmentation_mask", "masks", "labels")
_NONE = object()  # no box; a box of a file may be None, or empty
_OBJECT_NAMES = ("objects", "annotations", "annotation", "labels")
_BOX_KEYS = ("bbox", "bboxes", "box", "boxes")
_CLASS_KEYS = ("category", "categories", "label", "labels", "class", "category_id", "class_id")
_CROWD_KEYS = ("iscrowd", "is_crowd")
_DEFAULT_FORM = "xywh"
_SPLITS = ("train", "test")

Read = Callable[[Request, Sequence[Table], tuple[str, ...]], DenseSource]


def load_dense_hub(request: Request) -> Dataset:
    """Images with masks or boxes of the Hugging Face hub, or of a local folder of Parquet files.

    Masks are a second column of images: ``annotation``, ``mask`` or ``label``. Boxes are a column
    ``objects`` of ``bbox`` and ``category``. The splits are those of `load_hub`.

    Raises:
        InputError: no name is given.
        DataError: it cannot be reached, or no column of masks or boxes is found.
    """
    tables = hub_tables(request)

    def opened() -> DenseSource:
        train, test, notes = tables.open()
        both = [train] if test is None else [train, test]
        return _READERS[request.task or "segmentation"](request, both, notes)

    origin = [*tables.origin, *about_labels(request)]
    return load_cached(request, origin, opened, IMAGENET, entries_of(request))


def _masks(request: Request, tables: Sequence[Table], notes: tuple[str, ...]) -> DenseSource:
    """Rows with a column of images and a column of masks."""
    image, mask = _mask_columns(tables[0])
    _require_alike(tables, (image, mask))
    splits = [
        _mask_rows(table, split, image, mask) for table, split in zip(tables, _SPLITS, strict=False)
    ]
    return as_dense(request, None, splits, notes)


def _mask_columns(table: Table) -> tuple[str, str]:
    images = [name for name, of in table.features.items() if kind_of_column(of) == "Image"]
    named = [name for name in _MASK_NAMES if name in images]
    rest = [name for name in images if name not in IMAGE_NAMES]
    mask = only_column(table, "mask", named[:1] or (rest if len(images) > 1 else []), _MASK_NAMES)
    others = [name for name in images if name != mask]
    return only_column(table, "image", others, IMAGE_NAMES), mask


def _mask_rows(table: Table, split: str, image: str, mask: str) -> DenseRows:
    labelled = np.array([value is not None for value in table.values(mask)], dtype=np.bool_)
    ids = tuple(map(str, range(len(labelled))))

    def items() -> Iterator[LazyItem]:
        pairs = zip(table.values(image), table.values(mask), strict=True)
        for row, (encoded, its_mask) in enumerate(pairs):
            yield partial(_masked, table, f"{split}/{row}", encoded, its_mask)

    return DenseRows(ids, labelled, items)


def _masked(table: Table, name: str, encoded: Any, mask: Any) -> Item:
    image = _image(table, name, encoded)
    where = f"{name} of {table.name}"
    if mask is None:
        return Item(image, None, where)
    pixels = decode_mask(encoded_image(mask, where, table.downloads), where)
    return Item(image, GivenMask(name, pixels), where)


def _image(table: Table, name: str, encoded: Any) -> Any:
    where = f"{name} of {table.name}"
    return decode_image(encoded_image(encoded, where, table.downloads), "RGB", where)


@dataclass(frozen=True)
class _Objects:
    """The objects of one row: four numbers, a class and a crowd flag each."""

    boxes: Sequence[Any]
    classes: Sequence[Any]
    crowd: Sequence[Any]


def _boxes(request: Request, tables: Sequence[Table], notes: tuple[str, ...]) -> DenseSource:
    """Rows with a column of images and a column of objects."""
    images = [name for name, of in tables[0].features.items() if kind_of_column(of) == "Image"]
    image = only_column(tables[0], "image", images, IMAGE_NAMES)
    column = next((name for name in _OBJECT_NAMES if name in tables[0].features), "")
    if not column or column == image:
        raise DataError(
            f"{tables[0].name} has no column 'objects' of boxes; its columns are "
            f"{tables[0].columns()}"
        )
    _require_alike(tables, (image, column))
    read = [
        [_objects(value, f"row {row} of {table.name}") for row, value in enumerate(of)]
        for table, of in ((table, table.values(column)) for table in tables)
    ]
    classes, number = _classes(tables[0].features[column], read)
    form = request.boxes or _DEFAULT_FORM
    splits = [
        _box_rows(table, split, image, [
            None if each is None else _given(each, f"{split}/{row}", number, form)
            for row, each in enumerate(of)
        ])
        for table, split, of in zip(tables, _SPLITS, read, strict=False)
    ]  # fmt: skip
    return as_dense(request, classes, splits, notes)


def _objects(value: Any, where: str) -> _Objects | None:
    """Lists of boxes and classes, or a list of objects, as one thing; None where it is missing."""
    if value is None:
        return None
    if isinstance(value, list):
        keys = {key for each in value if isinstance(each, Mapping) for key in each}
        value = {
            key: [each.get(key) if isinstance(each, Mapping) else None for each in value]
            for key in keys
        } or {_BOX_KEYS[0]: [], _CLASS_KEYS[0]: []}
    given = value if isinstance(value, Mapping) else {}
    boxes, classes, crowd = (
        next((given[key] for key in keys if given.get(key) is not None), None)
        for keys in (_BOX_KEYS, _CLASS_KEYS, _CROWD_KEYS)
    )
    if not isinstance(boxes, list) or not isinstance(classes, list) or len(boxes) != len(classes):
        raise DataError(
            f"{where} has no objects with one bbox and one category each; its keys are "
            f"{', '.join(map(str, given)) or 'none'}"
        )
    if (wrong := next((each for each in boxes if not _is_box(each)), _NONE)) is not _NONE:
        raise DataError(f"{where} has the bbox {wrong!r:.60}; it must be four numbers")
    if unknown := [each for each in classes if not (isinstance(each, str) or is_real(each))]:
        raise DataError(
            f"{where} has the category {unknown[0]!r:.40}; it must be a name or a number"
        )
    return _Objects(boxes, classes, crowd if isinstance(crowd, list) else [])


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_finite, value))


def _is_finite(value: Any) -> bool:
    return is_real(value) and bool(np.isfinite(value))


def _classes(
    feature: Any, read: Sequence[Sequence[_Objects | None]]
) -> tuple[tuple[str, ...] | None, Callable[[Any], int]]:
    """The names of the classes, None for numbers, and the number of each value."""
    if names := _names_in(feature):
        return names, partial(_numbered, len(names))
    values = {each for of in read for objects in of if objects for each in objects.classes}
    if all(is_integral(value) for value in values):
        return None, partial(_numbered, None)
    names = tuple(sorted({as_name(value) for value in values}))
    known = {name: at for at, name in enumerate(names)}
    return names, lambda value: known[as_name(value)]


def _numbered(classes: int | None, value: Any) -> int:
    most = MOST_CLASSES if classes is None else classes
    if not is_integral(value) or not 0 <= value < most:
        raise DataError(f"has the category {value!r}; the classes are 0 to {most - 1:,}")
    return int(value)


def _names_in(feature: Any) -> tuple[str, ...]:
    """The names of class labels anywhere in the description of a column; empty without any."""
    if isinstance(feature, Mapping):
        if kind_of_column(feature) == "ClassLabel":
            return tuple(map(str, feature["names"]))
        inside = [of for key, of in feature.items() if key in (*_CLASS_KEYS, "feature", "told")]
    else:
        inside = list(feature) if isinstance(feature, list) else []
    return next((names for each in inside if (names := _names_in(each))), ())


def _given(objects: _Objects, where: str, number: Callable[[Any], int], form: str) -> GivenBoxes:
    try:
        classes = np.array([number(value) for value in objects.classes], dtype=np.int64)
    except DataError as error:
        raise DataError(f"row {where} {error}; repair it") from error
    boxes = np.array(objects.boxes, dtype=np.float64).reshape(-1, 4)
    if len(objects.crowd) not in (0, len(boxes)):
        raise DataError(
            f"row {where} has {len(boxes)} boxes, but {len(objects.crowd)} crowd flags; give one "
            "for each box"
        )
    crowd = np.array(list(map(bool, objects.crowd)), dtype=np.bool_)
    return GivenBoxes(where, boxes, form, classes, crowd)


def _box_rows(
    table: Table, split: str, image: str, given: Sequence[GivenBoxes | None]
) -> DenseRows:
    def items() -> Iterator[LazyItem]:
        pairs = zip(table.values(image), given, strict=True)
        for row, (encoded, boxes) in enumerate(pairs):
            yield partial(_boxed, table, f"{split}/{row}", encoded, boxes)

    labelled = np.array([boxes is not None for boxes in given], dtype=np.bool_)
    return DenseRows(tuple(map(str, range(len(given)))), labelled, items)


def _boxed(table: Table, name: str, encoded: Any, boxes: GivenBoxes | None) -> Item:
    return Item(_image(table, name, encoded), boxes, f"{name} of {table.name}")


def _require_alike(tables: Sequence[Table], columns: Sequence[str]) -> None:
    first = tables[0]
    for column, table in ((column, table) for table in tables[1:] for column in columns):
        if table.features.get(column) != first.features.get(column):
            raise DataError(
                f"the column {column} of {first.name} and {table.name} differs; make them alike"
            )


_READERS: Mapping[str, Read] = {"segmentation": _masks, "detection": _boxes}
