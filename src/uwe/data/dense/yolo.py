"""Boxes as YOLO has them: a text file an image, whose numbers are shares of the image's sides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from uwe.data.dense.annotations import Annotations, LazyTarget, Way
from uwe.data.dense.layout import Place, class_names, files_below, image_of_each
from uwe.data.dense.rows import MOST_CLASSES, GivenBoxes
from uwe.data.request import Request
from uwe.errors import DataError, text_of

__all__ = ["YOLO", "names_in_yaml", "parse_yolo"]

_FOLDERS = ("labels", "annotations")
_NO_LABELS = ("classes", "readme", "notes", "labels", "train", "test", "val", "valid")
_NAMES = ("data.yaml", "data.yml", "dataset.yaml")
_BOX = 5
_FEWEST = 7  # of a polygon: its class and three points
_SLACK = 0.01  # of a side, by which rounding may leave the image


def parse_yolo(text: str, name: str) -> tuple[list[int], np.ndarray[Any, np.dtype[np.float64]]]:
    """The classes of one file, and centre, width and height of each box.

    A line is ``class x y width height``; of a polygon, ``class x1 y1 x2 y2 …``, it is the extent.

    Args:
        text: of the file; empty where the image has no object.
        name: of the file, for errors.

    Raises:
        DataError: a line has another form, or numbers that are no shares; it is named.

    >>> parse_yolo("1 0.5 0.5 0.2 0.1", "a.txt")
    ([1], array([[0.5, 0.5, 0.2, 0.1]]))
    """
    classes, boxes = [], []
    for at, line in enumerate(text.splitlines(), start=1):
        if words := line.split():
            number, box = _line(words, f"{name}, line {at}")
            classes.append(number)
            boxes.append(box)
    return classes, np.array(boxes, dtype=np.float64).reshape(-1, _BOX - 1)


def _line(words: Sequence[str], where: str) -> tuple[int, list[float]]:
    try:
        number, numbers = int(words[0]), [float(word) for word in words[1:]]
    except ValueError as error:
        raise DataError(f"{where}: {text_of(error)}; a line is: class x y width height") from error
    is_polygon = len(words) >= _FEWEST and len(words) % 2
    if len(words) != _BOX and not is_polygon:
        raise DataError(f"{where} has {len(words)} numbers; a line is: class x y width height")
    if not 0 <= number < MOST_CLASSES:
        raise DataError(
            f"{where}: the class is {number}; classes are numbered from 0 to {MOST_CLASSES - 1:,}"
        )
    wrong = [each for each in numbers if not -_SLACK <= each <= 1 + _SLACK]  # NaN is wrong, too
    if wrong:
        raise DataError(
            f"{where} has the number {wrong[0]:g}; places and sizes are shares of the image's "
            "sides, from 0 to 1: divide pixels by the width or the height"
        )
    return number, _extent(numbers) if is_polygon else numbers


def _extent(numbers: Sequence[float]) -> list[float]:
    points = np.array(numbers).reshape(-1, 2)
    low, high = points.min(0), points.max(0)
    return [*((low + high) / 2), *(high - low)]


def _found(place: Place) -> tuple[Path, list[Path]]:
    """The folder of the files, and the files."""
    for folder in (*map(place.folder, _FOLDERS), place.images):
        files = [
            path
            for path in files_below(folder, ".txt")
            if not path.stem.lower().startswith("readme") and path.stem.lower() not in _NO_LABELS
        ]
        if files:
            return folder, files
    return place.images, []


def _read(places: Sequence[Place], request: Request) -> Annotations:
    classes = _class_names(places)
    targets = [_of_split(place, classes) for place in places]
    missing = sum(len(place.files) - len(of) for place, of in zip(places, targets, strict=True))
    note = (
        f"{request.name}: {missing:,} images have no .txt file and are taken as not labelled; an "
        "image without objects has an empty file"
    )
    return Annotations(classes, targets, (note,) if missing else ())


def _of_split(place: Place, classes: Sequence[str] | None) -> dict[int, LazyTarget]:
    folder, files = _found(place)
    found = image_of_each(place, files, folder, "label file")
    return {row: _boxes(path, place.shown(path), classes) for path, row in found.items()}


def _boxes(path: Path, name: str, classes: Sequence[str] | None) -> LazyTarget:
    try:
        numbers, boxes = parse_yolo(path.read_text(encoding="utf-8-sig"), name)
    except UnicodeError as error:
        raise DataError(f"{name} is not UTF-8; repair or remove it") from error
    if classes is not None and numbers and max(numbers) >= len(classes):
        times = sum(number >= len(classes) for number in numbers)
        raise DataError(
            f"{name}: {times} boxes have the class {max(numbers)}, which is outside the "
            f"{len(classes)} classes (0 to {len(classes) - 1}); name it, or correct the file"
        )
    return partial(GivenBoxes, name, boxes, "shares", np.array(numbers, dtype=np.int64))


def _class_names(places: Sequence[Place]) -> tuple[str, ...] | None:
    if (named := class_names(places)) is not None:
        return named[1]
    file = _described(places[0])
    return None if file is None else names_in_yaml(file)


def _described(place: Place) -> Path | None:
    folders = (place.root, place.base)
    return next((at / name for at in folders for name in _NAMES if (at / name).is_file()), None)


def names_in_yaml(file: Path) -> tuple[str, ...] | None:
    """The names that ``data.yaml`` gives: a list, or a mapping from the numbers 0, 1, …."""
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeError) as error:
        raise DataError(f"{file} is no YAML: {text_of(error, longest=120)}") from error
    names = found.get("names") if isinstance(found, dict) else None
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[at] for at in range(len(names))]
    if names is None:
        return None
    if not isinstance(names, list) or len(set(map(str, names))) != len(names) or not names:
        raise DataError(f"{file}: names must be a list of different names, or numbered from 0")
    return tuple(map(str, names))


def _files(place: Place) -> list[Path]:
    found = _found(place)[1]
    described = _described(place)
    return [*found, described] if found and described is not None else found


YOLO = Way("YOLO", "labels/*.txt, or beside the images", _files, _read)
