"""Boxes and masks as COCO writes them: a box, polygons or runs of pixels for each annotation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe.errors import DataError
from uwe.formats.coco_parts import key_of, parts_in, text_of_part
from uwe.formats.drawn import DrawnPart, drawn_images
from uwe.formats.export import Export
from uwe.formats.json_text import json_bytes
from uwe.formats.reading import Destination, Found, Unreadable, as_list, rows_of
from uwe.project.outlines import Outlines, Shape, drawn_names, of_segmentation
from uwe.tables import LabelRows

__all__ = ["encoded", "rows_in"]

_PURPOSE = "masks of COCO"
_NUMBERS = 4  # of a box
_DIGITS = 4  # after the point


def encoded(export: Export) -> bytes:
    """The images with their boxes, or with the pixels of each class as runs.

    An annotation of a model has a ``score``; an image whose label counts is ``labelled``.
    """
    names = drawn_names(export.task)
    categories = {name: at for at, name in enumerate(names, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, drawn in enumerate(drawn_images(export), start=1):
        width, height = drawn.size
        image = {"id": number, "file_name": drawn.id, "width": width, "height": height}
        images.append(image | ({"labelled": True} if drawn.is_labelled else {}))
        for part in drawn.parts:
            annotation = {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": categories[part.name],
                **_shape(part),
            }
            if drawn.by_model:
                annotation["score"] = 1.0 if part.score is None else part.score
            annotations.append(annotation)
    return json_bytes({
        "info": {"description": export.name},
        "licenses": [],
        "images": images,
        "categories": [
            {"id": at, "name": name, "supercategory": ""} for name, at in categories.items()
        ],
        "annotations": annotations,
    })  # fmt: skip


def _shape(part: DrawnPart) -> dict[str, Any]:
    left, top, right, bottom = part.box
    width, height = round(right - left, _DIGITS), round(bottom - top, _DIGITS)
    shape = {
        "bbox": [left, top, width, height],
        "area": round(width * height, _DIGITS),
        "segmentation": [],
        "iscrowd": int(part.crowd),
    }
    if part.area is None:
        return shape
    masks = optional("pycocotools.mask", _PURPOSE, extra="detection")
    runs = masks.encode(np.asfortranarray(part.area, dtype=np.uint8))
    counts = runs["counts"].decode("ascii")
    return shape | {
        "area": int(part.area.sum()),
        "segmentation": {"size": list(map(int, runs["size"])), "counts": counts},
    }


def rows_in(path: Path, document: Mapping[str, Any], into: Destination) -> LabelRows:
    """The boxes or masks of a file of COCO.

    An image counts as labelled if it has an annotation without a ``score``, if it is marked as
    ``labelled``, or if the destination says that the file is complete.

    Raises:
        DataError: images, categories or annotations are no lists.
    """
    try:
        images = list(parts_in(document, "images"))
        shapes = _by_image(document, images)
    except Unreadable as error:
        raise DataError(f"{path}: {error}") from error

    def found(image: Mapping[str, Any]) -> Iterator[Found]:
        name = text_of_part(image, "file_name", "an image")
        own = shapes.get(key_of(image, "id", "an image"), [])
        by_people = [each for each, is_given in own if not is_given]
        is_labelled = bool(by_people) or image.get("labelled") is True or into.is_complete
        shapes_read = tuple(read() for read, _ in own)
        outlines = Outlines(shapes_read, _size(image), largest_first=True)
        yield Found((name,), outlines if is_labelled else None)

    return rows_of(path, into, enumerate(images, start=1), found, unit="image")


_Reader = Callable[[], Shape]


def _by_image(
    document: Mapping[str, Any], images: Sequence[Mapping[str, Any]]
) -> dict[int | str, list[tuple[_Reader, bool]]]:
    """By image, what reads each annotation, and whether a model gave it.

    Raises:
        Unreadable: an annotation is of a category or an image that is not listed.
    """
    names = {
        key_of(each, "id", "a category"): text_of_part(each, "name", "a category")
        for each in parts_in(document, "categories")
    }
    known = {key_of(image, "id", "an image") for image in images}
    found: dict[int | str, list[tuple[_Reader, bool]]] = {}
    for at, annotation in enumerate(parts_in(document, "annotations"), start=1):
        what = f"annotation {at}"
        kind, image = key_of(annotation, "category_id", what), key_of(annotation, "image_id", what)
        if kind not in names:
            raise Unreadable(f"{what} is of category {kind!r:.40}, which is not listed")
        if image not in known:
            raise Unreadable(f"{what} is of image {image!r:.40}, which is not listed")
        read = _reader(annotation, names[kind], what)
        found.setdefault(image, []).append((read, "score" in annotation))
    return found


def _reader(annotation: Mapping[str, Any], name: str, what: str) -> _Reader:
    def read() -> Shape:
        box = _numbers(annotation.get("bbox"), f"bbox of {what}")
        shape = Shape(name, crowd=bool(annotation.get("iscrowd")))
        if box:
            if len(box) != _NUMBERS:
                raise Unreadable(f"bbox of {what} has {len(box)} numbers, and needs 4")
            left, top, width, height = box
            shape = replace(shape, box=(left, top, left + width, top + height))
        if annotation.get("segmentation"):
            shape = replace(shape, area=of_segmentation(annotation, what))
        return shape

    return read


def _numbers(value: Any, what: str) -> list[float]:
    numbers = as_list(value or [], what)
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers):
        raise Unreadable(f"{what} must be numbers, not {numbers!r:.60}")
    return [float(each) for each in numbers]


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = image.get("width"), image.get("height")
    is_known = isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0
    return (width, height) if is_known else None  # type: ignore[return-value]
