"""Detections in a file of COCO's form: which objects a detector found in each image."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from uwe._types import FloatArray, Labels, is_finite, is_integral, is_real
from uwe.errors import DataError, damaged
from uwe.tables import as_ids, checked_ids, read_ids

__all__ = ["Detected", "Detections", "open_detections", "require_inside"]

_NUMBERS = 4
_SLACK = 1.0  # pixels that a box may leave its image by
_OUTSIDE_AT_MOST = 0.5  # of the boxes


@dataclass(frozen=True, eq=False)
class Detected:
    """The objects that were found in one image.

    Attributes:
        corners: left, top, right and bottom in pixels, float64 ``[m, 4]``.
        scores: from 0 to 1, float64 ``[m]``.
        classes: numbers of `Detections.names`, int64 ``[m]``.
    """

    corners: FloatArray = field(default_factory=lambda: np.zeros((0, _NUMBERS)))
    scores: FloatArray = field(default_factory=lambda: np.zeros(0))
    classes: Labels = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Detections:
    """What a detector found in each image.

    Attributes:
        path: of the file.
        by_image: the objects of each image by its id, also of images without any.
        names: of the classes.
        sizes: width and height of images by id, where annotations tell them.
    """

    path: Path
    by_image: Mapping[str, Detected]
    names: tuple[str, ...]
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_image)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Of the images."""
        return tuple(self.by_image)

    def features(self, name: str) -> FloatArray:
        """The score of each object of an image in the column of its class, ``[m, classes]``."""
        found = self.by_image[name]
        return np.eye(len(self.names))[found.classes] * found.scores[:, None]


def open_detections(path: Path, images: Path | None = None) -> Detections:
    """Read the results of a detector in COCO's form.

    Args:
        path: a JSON list of ``{"image_id", "category_id", "bbox": [x, y, width, height],
            "score"}``.
        images: which images there are, so that those without an object are known: annotations of
            COCO (``.json``), whose ``file_name`` become the ids and whose categories name the
            classes; or a list of image ids, as for `uwe.tables.read_ids`. None: the images of
            ``path``.

    Raises:
        DataError: a file cannot be read or has another form, an image or a category is not known,
            or most boxes leave their image.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "results.json"
    >>> found = {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    >>> _ = path.write_text(json.dumps([found]))
    >>> open_detections(path).by_image["7"].corners
    array([[1., 2., 4., 6.]])
    """
    results = [_result(path, at, each) for at, each in enumerate(_listed(path))]
    known = _images(images, results)
    numbers = known.numbers(results)
    groups: dict[str, list[_Result]] = {name: [] for name in known.ids}
    for at, each in enumerate(results):
        image = known.id_of(each.image)
        if image is None:
            raise DataError(
                f"{path}: result {at} is of the image {each.image}, which {images} does not name"
            )
        if each.category not in numbers:
            raise DataError(
                f"{path}: result {at} is of the category {each.category}, which {images} does not "
                "name"
            )
        groups[image].append(each)
    by_image = {name: _detected(of, numbers) for name, of in groups.items()}
    require_inside(path, by_image, known.sizes)
    names = tuple(known.categories.get(number, str(number)) for number in numbers)
    return Detections(path, by_image, names, known.sizes)


@dataclass(frozen=True)
class _Result:
    """One object of a file, with the image's number as text."""

    image: str
    category: int
    box: tuple[float, ...]
    score: float


@dataclass(frozen=True)
class _Images:
    """Which images there are.

    Attributes:
        names: the id of each image by what results call it.
        sizes: width and height by id, where they are known.
        categories: names by number, where they are known.
    """

    names: Mapping[str, str]
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    categories: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def ids(self) -> dict[str, None]:
        return dict.fromkeys(self.names.values())

    def id_of(self, image: str) -> str | None:
        """The id of the image that a result names by its number, or by the id itself."""
        return self.names.get(image, image if image in self.ids else None)

    def numbers(self, results: Iterable[_Result]) -> dict[int, int]:
        """The number of each category's class, in the order of the categories' own numbers."""
        found = self.categories or {each.category for each in results}
        return {category: at for at, category in enumerate(sorted(found))}


def _listed(path: Path) -> list[Any]:
    found = _read(path)
    if not isinstance(found, list):
        raise DataError(
            f"{path} holds {type(found).__name__}, not a list of results; each is image_id, "
            "category_id, bbox and score"
        )
    return found


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error) from error


def _result(path: Path, at: int, value: Any) -> _Result:
    said = f"{path}: result {at}"
    if not isinstance(value, Mapping):
        raise DataError(f"{said} is {_shown(value)}; it needs image_id, category_id, bbox, score")
    lacking = [key for key in ("image_id", "category_id", "bbox", "score") if key not in value]
    if lacking:
        raise DataError(f"{said} has no {lacking[0]}; it has {', '.join(map(str, value)) or '{}'}")
    box, score, category = value["bbox"], value["score"], value["category_id"]
    if not isinstance(box, list) or len(box) != _NUMBERS or not all(map(is_finite, box)):
        raise DataError(f"{said} has the bbox {_shown(box)}, not x, y, width and height")
    if min(box[2:]) < 0:
        raise DataError(f"{said} has the bbox {_shown(box)}, whose width or height is below 0")
    if not is_real(score) or not 0 <= score <= 1:
        raise DataError(f"{said} has the score {_shown(score)}, which is not from 0 to 1")
    if not is_integral(category):
        raise DataError(f"{said} has the category_id {_shown(category)}, not a whole number")
    if value["image_id"] in (None, ""):
        raise DataError(
            f"{said} has the image_id {_shown(value['image_id'])}; give that of its image"
        )
    (image,) = as_ids([value["image_id"]], said)
    return _Result(image, int(category), tuple(map(float, box)), float(score))


def _shown(value: Any) -> str:
    return repr(value)[:60]


def _images(path: Path | None, results: Sequence[_Result]) -> _Images:
    if path is None:
        return _Images({each.image: each.image for each in results})
    if path.suffix.lower() != ".json":
        return _Images({name: name for name in read_ids(path)})
    found = _read(path)
    listed = found.get("images") if isinstance(found, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        raise DataError(f"{path} has no list of images; give annotations in COCO's form")
    if any("id" not in each for each in listed):
        raise DataError(f"{path}: an image has no id")
    numbers = as_ids([each["id"] for each in listed], f"{path}: images")
    ids = [
        str(each.get("file_name") or number) for each, number in zip(listed, numbers, strict=True)
    ]
    checked_ids(numbers, f"{path}: id of images")
    checked_ids(ids, f"{path}: file_name of images")
    sizes = {
        name: (float(each["width"]), float(each["height"]))
        for name, each in zip(ids, listed, strict=True)
        if is_finite(each.get("width")) and is_finite(each.get("height"))
    }
    return _Images(dict(zip(numbers, ids, strict=True)), sizes, _categories(path, found))


def _categories(path: Path, found: Mapping[str, Any]) -> dict[int, str]:
    listed = found.get("categories", [])
    try:
        return {int(each["id"]): str(each.get("name", each["id"])) for each in listed}
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: categories must be a list of id and name") from error


def _detected(found: Sequence[_Result], numbers: Mapping[int, int]) -> Detected:
    boxes = np.array([each.box for each in found], dtype=np.float64).reshape(-1, _NUMBERS)
    return Detected(
        np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1),
        np.array([each.score for each in found], dtype=np.float64),
        np.array([numbers[each.category] for each in found], dtype=np.int64),
    )


def require_inside(
    path: Path, by_image: Mapping[str, Detected], sizes: Mapping[str, tuple[float, float]]
) -> None:
    """Refuse boxes that mostly leave their images, as corners do that are read as sizes.

    Args:
        path: of the results.
        by_image: the objects of each image by its id.
        sizes: width and height of some of the images.

    Raises:
        DataError: more than half of the boxes of these images leave them by more than a pixel.
    """
    outside, boxes, first = 0, 0, ""
    for name, size in sizes.items():
        leaves = np.any(by_image[name].corners[:, 2:] > np.array(size) + _SLACK, axis=1)
        outside, boxes = outside + int(leaves.sum()), boxes + len(leaves)
        first = first or (name if leaves.any() else "")
    if outside > _OUTSIDE_AT_MOST * boxes:
        raise DataError(
            f"{path}: {outside} of {boxes} boxes leave their image, such as one of {first}; bbox "
            "must be x, y, width and height, not two corners"
        )
