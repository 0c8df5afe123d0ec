"""Boxes and masks as COCO has them: one JSON file for the images of a split."""

from __future__ import annotations

import json
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from uwe._optional import optional
from uwe._types import is_finite, is_integral
from uwe._unicode import composed
from uwe.data.dense.annotations import Annotations, LazyTarget, Way
from uwe.data.dense.layout import Place
from uwe.data.dense.rows import GivenBoxes, GivenMask
from uwe.data.request import Request
from uwe.errors import DataError, text_of

__all__ = ["COCO_BOXES", "COCO_MASKS", "CocoFile", "area_of", "parse_coco", "rasterised"]

Json: TypeAlias = Mapping[str, Any]

_NAMES = ("annotations.json", "_annotations.coco.json")
_PARTS = ("images", "annotations", "categories")
_DEFAULT_FORM = "xywh"
_BACKGROUND = "background"
_EMPTY_SIZE = (0, 0)


@dataclass(frozen=True)
class CocoFile:
    """What one file says.

    Attributes:
        name: of the file.
        categories: names by id, in the order of the ids.
        images: entries of images by id.
        of_image: annotations by the id of their image.
    """

    name: str
    categories: Mapping[int, str]
    images: Mapping[int, Json]
    of_image: Mapping[int, Sequence[Json]]


def parse_coco(data: bytes, name: str) -> CocoFile:
    """Read one file.

    Args:
        data: JSON.
        name: of the file, for errors.

    Raises:
        DataError: it is no JSON or no COCO, an image or a category is there twice, or an annotation
            is of an image or a category that is not listed.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is no JSON: {text_of(error, longest=120)}; repair it") from error
    parts = {part: found.get(part) if isinstance(found, dict) else None for part in _PARTS}
    lacking = [part for part, of in parts.items() if not isinstance(of, list)]
    if lacking:
        raise DataError(
            f"{name} is no COCO file: it has no list {lacking[0]!r} (COCO has the lists "
            f"{', '.join(_PARTS)})"
        )
    images, annotations, categories = (
        [_entry(name, of) for of in part or ()] for part in parts.values()
    )
    named = {
        _number(name, "category", of, "id"): composed(str(of.get("name", "")).strip())
        for of in categories
    }
    listed = {_number(name, "image", of, "id"): of for of in images}
    _require_distinct(name, "category", len(named), [of.get("id") for of in categories])
    _require_distinct(name, "category", len(set(named.values())), list(named.values()))
    _require_distinct(name, "image", len(listed), [of.get("id") for of in images])
    files = [str(of.get("file_name", "")) for of in images]
    _require_distinct(name, "image", len(set(files)), files)
    return CocoFile(
        name, dict(sorted(named.items())), listed, _by_image(name, annotations, listed, named)
    )


def _entry(name: str, value: Any) -> Json:
    if not isinstance(value, dict):
        raise DataError(f"{name} is no COCO file: {str(value)!r:.40} is no object; repair it")
    return value


def _number(name: str, what: str, entry: Json, key: str) -> int:
    value = entry.get(key)
    if not is_integral(value):
        article = "an" if what[0] in "ai" else "a"
        raise DataError(
            f"{name}: {key} of {article} {what} is {value!r:.40}; it must be a whole number"
        )
    return int(value)


def _require_distinct(name: str, what: str, distinct: int, values: Sequence[Any]) -> None:
    if distinct != len(values):
        value, times = Counter(values).most_common(1)[0]
        raise DataError(f"{name} lists the {what} {value!r} {times} times; keep one")


def _by_image(
    name: str,
    annotations: Sequence[Json],
    images: Mapping[int, Json],
    categories: Mapping[int, str],
) -> Mapping[int, list[Json]]:
    found: defaultdict[int, list[Json]] = defaultdict(list)
    for each in annotations:
        found[_number(name, "annotation", each, "image_id")].append(each)
        _number(name, "annotation", each, "category_id")
    stray = [of for number in found if number not in images for of in found[number]]
    if stray:
        raise DataError(
            f"{name}: annotation {stray[0].get('id')!r} is of the image {stray[0]['image_id']}, "
            f"which is not listed; {_counted(len(stray), 'annotation')} of {len(annotations):,} "
            "are of images that are not there"
        )
    unknown = [of for of in annotations if of["category_id"] not in categories]
    if unknown:
        ids = ", ".join(map(str, list(categories)[:10]))
        raise DataError(
            f"{name}: annotation {unknown[0].get('id')!r} is of the category "
            f"{unknown[0]['category_id']}, which is not listed ({_counted(len(unknown), 'such')}); "
            f"the ids of the categories are {ids}"
        )
    return found


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("s" if n != 1 and what == "annotation" else "")


def rasterised(
    annotations: Iterable[Json], size: tuple[int, int], classes: Mapping[int, int], name: str
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The class of each pixel, uint8 ``[h, w]``; 0 where nothing is.

    Smaller objects are drawn over larger ones.

    Args:
        annotations: with ``segmentation`` as polygons, or as RLE, compressed or not.
        size: width and height.
        classes: class number by the id of the category.
        name: for errors.

    Raises:
        DataError: a segmentation cannot be read.

    >>> square = {"category_id": 7, "segmentation": [[0, 0, 2, 0, 2, 1, 0, 1]]}
    >>> rasterised([square], (3, 2), {7: 4}, "a.json").tolist()
    [[4, 4, 0], [0, 0, 0]]
    """
    drawn = [(area_of(each, size, name), classes[each["category_id"]]) for each in annotations]
    pixels = np.zeros((size[1], size[0]), dtype=np.uint8)
    for shape, number in sorted(drawn, key=lambda each: -int(each[0].sum())):
        pixels[shape > 0] = number
    return pixels


def area_of(annotation: Json, size: tuple[int, int], name: str) -> Any:
    """The pixels of one object, uint8 ``[h, w]``.

    Args:
        annotation: with ``segmentation`` as polygons, or as RLE, compressed or not.
        size: width and height.
        name: for errors.

    Raises:
        DataError: the segmentation cannot be read.
    """
    coco: Any = optional("pycocotools.mask", "masks of COCO", extra="detection")
    width, height = size
    given = annotation.get("segmentation")
    where = f"{name}: annotation {annotation.get('id')!r}"
    try:
        if isinstance(given, dict):
            _require_rle(given, size, where)
            whole = isinstance(given["counts"], list)
            runs = coco.frPyObjects(given, height, width) if whole else given
        else:
            runs = coco.merge(coco.frPyObjects(_polygons(given), height, width))
        with warnings.catch_warnings():  # of its arrays, which numpy 2 would have otherwise
            warnings.simplefilter("ignore", DeprecationWarning)
            decoded = coco.decode(runs)
    except DataError:
        raise
    except _UNREADABLE as error:
        raise DataError(
            f"{where} has no segmentation that can be read ({text_of(error, longest=80)}); it must "
            "be polygons or RLE"
        ) from error
    return decoded


_UNREADABLE = (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError,
               OverflowError)  # fmt: skip


def _polygons(given: Any) -> list[list[float]]:
    """Polygons of at least three points.

    Raises:
        ValueError: a polygon has too few points, or is malformed.
    """
    polygons = [[float(number) for number in of] for of in given]
    fits = [len(of) >= 6 and len(of) % 2 == 0 and np.isfinite(of).all() for of in polygons]
    if not polygons or not all(fits):
        raise ValueError("a polygon has three points or more, two numbers each")
    return polygons


def _require_rle(given: Json, size: tuple[int, int], where: str) -> None:
    height, width = given["size"]
    if (width, height) != size:
        raise DataError(
            f"{where} has an RLE of {width}x{height} pixels, but its image is {size[0]}x{size[1]}; "
            "make them equal"
        )
    counts = given["counts"]
    if isinstance(counts, list) and sum(counts) != width * height:
        raise DataError(
            f"{where} has an RLE whose runs add up to {sum(counts):,} pixels, not to "
            f"{width * height:,}; repair it"
        )


def _file_of(place: Place) -> Path | None:
    split = place.split or place.base.name
    at = place.root / "annotations"
    instances = sorted(at.glob(f"instances_{split}*.json")) if at.is_dir() else []
    candidates = (
        *(folder / name for folder in (place.base, place.images) for name in _NAMES),
        at / f"{split}.json",
        *instances,
        place.root / _NAMES[0],
    )
    return next((path for path in candidates if path.is_file()), None)


def _files(place: Place) -> list[Path]:
    file = _file_of(place)
    return [] if file is None else [file]


@dataclass(frozen=True)
class _Split:
    """A file, and the entry of each image of a place that it lists."""

    place: Place
    coco: CocoFile
    entry: Mapping[int, int]


def _splits(places: Sequence[Place]) -> list[_Split]:
    """The files of all splits; their categories are those of the first."""
    files = [(place, file) for place in places if (file := _file_of(place)) is not None]
    parsed = {file: parse_coco(file.read_bytes(), places[0].shown(file)) for _, file in files}
    for file in parsed:
        sharing = [place for place, of in files if of == file]
        _require_there(parsed[file], sharing)
    splits = [_Split(place, parsed[file], _entries(parsed[file], place)) for place, file in files]
    first = splits[0].coco
    for split in splits[1:]:
        if unknown := sorted(set(split.coco.categories.values()) - set(first.categories.values())):
            raise DataError(
                f"{split.coco.name} has the category {unknown[0]!r}, which {first.name} does not "
                "list; make the categories alike"
            )
    return splits


def _keys(place: Place, file: Path) -> tuple[str, ...]:
    """The names by which a file may be listed, the fullest first."""
    return tuple(
        dict.fromkeys(
            composed(name)
            for name in (
                file.relative_to(place.root).as_posix(),
                file.relative_to(place.base).as_posix(),
                file.relative_to(place.images).as_posix(),
                file.name,
            )
        )
    )


def _entries(coco: CocoFile, place: Place) -> dict[int, int]:
    """The id of the entry of each image of a place that is listed."""
    listed = {composed(str(of.get("file_name", ""))): number for number, of in coco.images.items()}
    found = {}
    for row, file in enumerate(place.files):
        number = next((listed[key] for key in _keys(place, file) if key in listed), None)
        if number is not None:
            found[row] = number
    return found


def _require_there(coco: CocoFile, places: Sequence[Place]) -> None:
    """Refuse annotations whose image is no file, and two files of one entry."""
    there = Counter(number for place in places for number in _entries(coco, place).values())
    lacking = [number for number in coco.of_image if number not in there]
    if lacking:
        annotations = sum(len(coco.of_image[number]) for number in lacking)
        raise DataError(
            f"{coco.name} lists the image {coco.images[lacking[0]].get('file_name')!r}, which is "
            f"not in {places[0].images}; {len(lacking):,} of {len(coco.images):,} images with "
            f"{annotations:,} annotations are not there"
        )
    twice = next((number for number, times in there.items() if times > 1), None)
    if twice is not None:
        raise DataError(
            f"{coco.name} lists the image {coco.images[twice].get('file_name')!r}, of which there "
            "are several; list them with their folders"
        )


def _notes(coco: CocoFile) -> tuple[str, ...]:
    ids = list(coco.categories)
    if ids == list(range(1, len(ids) + 1)):
        return ()
    shown = ", ".join(map(str, ids[:5])) + (", …" if len(ids) > 5 else "")
    return (
        f"{coco.name}: the ids of the categories are {shown}; in their order they are the classes "
        f"0 to {len(ids) - 1}",
    )


def _read(
    places: Sequence[Place],
    request: Request,
    *,
    classes: Callable[[Sequence[str]], tuple[str, ...]],
    target: Callable[..., LazyTarget],
) -> Annotations:
    splits = _splits(places)
    first = splits[0].coco
    names = classes(list(first.categories.values()))
    number = {name: at for at, name in enumerate(names)}
    of_place = {split.place: split for split in splits}
    targets = [
        _targets(of_place[place], number, request, target) if place in of_place else {}
        for place in places
    ]
    return Annotations(names, targets, _notes(first))


def _targets(
    split: _Split, number: Mapping[str, int], request: Request, target: Callable[..., LazyTarget]
) -> dict[int, LazyTarget]:
    classes = {of: number[name] for of, name in split.coco.categories.items()}
    return {row: target(split.coco, entry, classes, request) for row, entry in split.entry.items()}


def _boxes(coco: CocoFile, entry: int, classes: Mapping[int, int], request: Request) -> LazyTarget:
    annotations = coco.of_image.get(entry, ())
    name = f"{coco.images[entry].get('file_name')} in {coco.name}"
    numbers = [_box(each, coco.name) for each in annotations]
    return partial(
        GivenBoxes,
        name,
        np.array(numbers, dtype=np.float64).reshape(-1, 4),
        request.boxes or _DEFAULT_FORM,
        np.array([classes[each["category_id"]] for each in annotations], dtype=np.int64),
        np.array([_is_crowd(each, coco.name) for each in annotations], dtype=np.bool_),
        _size(coco.images[entry]),
    )


def _box(annotation: Json, name: str) -> list[float]:
    given = annotation.get("bbox")
    if not isinstance(given, list) or len(given) != 4 or not all(map(_is_finite, given)):
        raise DataError(
            f"{name}: annotation {annotation.get('id')!r} has the bbox {given!r:.60}; it must be "
            "four numbers"
        )
    return [float(number) for number in given]


def _is_crowd(annotation: Json, name: str) -> bool:
    given = annotation.get("iscrowd") or 0
    if given not in (0, 1):
        raise DataError(
            f"{name}: annotation {annotation.get('id')!r} has the iscrowd {given!r:.40}; it must "
            "be 0 or 1"
        )
    return bool(given)


def _is_finite(value: Any) -> bool:
    return is_finite(value)


def _size(entry: Json) -> tuple[int, int]:
    """Width and height as the file says; 0 where it does not."""
    sides = [entry.get("width"), entry.get("height")]
    if not all(is_integral(side) for side in sides):
        return _EMPTY_SIZE
    return int(sides[0] or 0), int(sides[1] or 0)


def _mask(coco: CocoFile, entry: int, classes: Mapping[int, int], request: Request) -> LazyTarget:
    del request
    return partial(_drawn, coco, entry, classes)


def _drawn(coco: CocoFile, entry: int, classes: Mapping[int, int]) -> GivenMask:
    about, size = coco.images[entry], _size(coco.images[entry])
    name = f"{coco.name}:{about.get('file_name')}"
    if 0 in size:
        raise DataError(f"{name} has no width and height, which a mask needs; add them")
    return GivenMask(name, rasterised(coco.of_image.get(entry, ()), size, classes, coco.name))


def _with_background(names: Sequence[str]) -> tuple[str, ...]:
    """The classes of masks: what no object covers comes first."""
    return (_BACKGROUND, *(name for name in names if name != _BACKGROUND))


COCO_BOXES = Way("COCO", "annotations.json", _files, partial(_read, classes=tuple, target=_boxes))
COCO_MASKS = Way(
    "COCO", "annotations.json", _files, partial(_read, classes=_with_background, target=_mask)
)
