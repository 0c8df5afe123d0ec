"""Boxes and masks as results of Label Studio, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from uwe._optional import optional
from uwe._types import BoolArray
from uwe.data.images import upright_size
from uwe.errors import InputError
from uwe.formats.drawn import DrawnPart
from uwe.formats.label_studio.brush import packed, unpacked
from uwe.project.outlines import Outlines, Shape, of_polygons

if TYPE_CHECKING:
    from uwe.formats.label_studio.labelling import Controls
    from uwe.project.pictures import Picture

__all__ = ["DrawnLabel", "drawn_label", "outlines_in", "shape_results"]

_JSON = Mapping[str, Any]
_PERCENT = 100.0
_KINDS = ("rectanglelabels", "brushlabels", "polygonlabels")


@dataclass(frozen=True)
class DrawnLabel:
    """Boxes, or the pixels of each class, on an image as Label Studio shows it.

    Attributes:
        parts: boxes or areas.
        size: width and height of the image that they are about.
    """

    parts: tuple[DrawnPart, ...]
    size: tuple[int, int]


def drawn_label(
    parts: Sequence[DrawnPart], size: tuple[int, int], picture: Picture | None
) -> DrawnLabel:
    """The parts on an image that is sent, which may be smaller than the file.

    Args:
        parts: boxes or areas.
        size: width and height of the file's image.
        picture: that is sent; None: the file.
    """
    sent = size if picture is None else upright_size(picture.body, "the image")
    if sent == size or not any(part.area is not None for part in parts):
        return DrawnLabel(tuple(parts), size)
    resized = (replace(part, area=_stretched(part.area, sent)) for part in parts)
    return DrawnLabel(tuple(resized), sent)


def shape_results(label: DrawnLabel, controls: Controls) -> list[dict[str, Any]]:
    """Boxes or areas as results; without any, no result."""
    width, height = label.size
    return [
        {
            "id": f"uwe{at}",
            "from_name": controls.label,
            "to_name": controls.item,
            "type": controls.kind,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {**_value(part, label.size), controls.kind: [part.name]},
            **({} if part.score is None else {"score": part.score}),
        }
        for at, part in enumerate(label.parts)
    ]


def _value(part: DrawnPart, size: tuple[int, int]) -> dict[str, Any]:
    if part.area is not None:
        return {"format": "rle", "rle": packed(part.area)}
    (left, top, right, bottom), (width, height) = part.box, size
    return {
        "x": _PERCENT * left / width,
        "y": _PERCENT * top / height,
        "width": _PERCENT * (right - left) / width,
        "height": _PERCENT * (bottom - top) / height,
        "rotation": 0,
    }


def outlines_in(result: Sequence[_JSON], name: str | None = None) -> Outlines:
    """The shapes in the results of an annotation; an annotation without any holds no object.

    Args:
        result: of the annotation.
        name: of the control; None: those of all.
    """
    try:
        return _outlines(result, name)
    except InputError as error:
        return Outlines((), problem=str(error))


def _outlines(result: Sequence[_JSON], name: str | None) -> Outlines:
    found = [each for each in result if each.get("type") in _KINDS]
    wanted = [each for each in found if name is None or each.get("from_name") == name]
    sizes = {_size(each) for each in wanted}
    if len(sizes) > 1:
        raise InputError("the shapes of an annotation are of images of different sizes")
    size = sizes.pop() if sizes else None
    return Outlines(tuple(_shapes(wanted)), size, is_stretched=True)


def _shapes(wanted: Sequence[_JSON]) -> Iterator[Shape]:
    for each in wanted:
        value = each.get("value")
        kind = str(each.get("type"))
        if not isinstance(value, Mapping):
            raise InputError(f"a result {kind} has no value; export the tasks again")
        if each.get("image_rotation"):
            raise InputError("an image was turned in Label Studio; turn it back, and export again")
        names = value.get(kind)
        if not isinstance(names, list) or len(names) != 1:
            raise InputError(f"a shape has the classes {names!r:.60}; give it one")
        try:
            yield _READERS[kind](str(names[0]), value, _size(each))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"a result {kind} cannot be read ({error}); export again") from error


def _size(result: _JSON) -> tuple[int, int]:
    width, height = result.get("original_width"), result.get("original_height")
    if not isinstance(width, int) or not isinstance(height, int) or min(width, height) < 1:
        raise InputError(
            "a result does not say original_width and original_height of its image; export again"
        )
    return width, height


def _box(name: str, value: _JSON, size: tuple[int, int]) -> Shape:
    if value.get("rotation"):
        raise InputError("a box is rotated, and boxes of a project are not; turn it back")
    left, top, width, height = (
        float(value[each]) / _PERCENT * side
        for each, side in zip(("x", "y", "width", "height"), (*size, *size), strict=True)
    )
    return Shape(name, (left, top, left + width, top + height))


def _brush(name: str, value: _JSON, size: tuple[int, int]) -> Shape:
    runs = value["rle"]

    def area(of: tuple[int, int]) -> BoolArray:
        del of
        return unpacked(runs, size)

    return Shape(name, area=area)


def _polygon(name: str, value: _JSON, size: tuple[int, int]) -> Shape:
    points = [
        float(each) / _PERCENT * side
        for point in value["points"]
        for each, side in zip(point, size, strict=True)
    ]
    return Shape(name, area=of_polygons([points]))


_READERS: Mapping[str, Callable[[str, _JSON, tuple[int, int]], Shape]] = {
    "rectanglelabels": _box,
    "brushlabels": _brush,
    "polygonlabels": _polygon,
}
"""By the type of the result."""


def _stretched(area: BoolArray | None, size: tuple[int, int]) -> BoolArray | None:
    if area is None:
        return None
    image = optional("PIL.Image", "sending masks")
    small = image.fromarray(area.astype(np.uint8)).resize(size, image.Resampling.NEAREST)
    found: BoolArray = np.asarray(small).astype(np.bool_)
    return found
