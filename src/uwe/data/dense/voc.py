"""Boxes as Pascal VOC has them: an XML file an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uwe._types import FloatArray
from uwe.data.dense.annotations import Annotations, LazyTarget, Way
from uwe.data.dense.layout import Place, class_names, files_below, image_of_each
from uwe.data.dense.rows import GivenBoxes
from uwe.data.request import Request
from uwe.errors import DataError, text_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["VOC", "parse_voc"]

_FOLDERS = ("annotations", "Annotations", "labels")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_ONE_BASED = np.array([1.0, 1.0, 0.0, 0.0])
_NOTE = (
    "Pascal VOC counts pixels from 1 and includes the last one: 1 is subtracted from xmin and ymin"
)


@dataclass(frozen=True)
class VocFile:
    """What one file says.

    Attributes:
        names: class of each object.
        corners: left, top, right and bottom, from 0, the ends exclusive, float64 ``[m, 4]``.
        size: width and height of the image, or None.
    """

    names: tuple[str, ...]
    corners: FloatArray
    size: tuple[int, int] | None


def parse_voc(data: bytes, name: str) -> VocFile:
    """Read one file.

    Pixels are counted from 1 in it and the last one is included, so ``xmin`` and ``ymin`` lose 1.

    Args:
        data: XML.
        name: of the file, for errors.

    Raises:
        DataError: it is no XML, declares a document type, or a box lacks a number.

    >>> xml = b'''<annotation><object><name>crow</name><bndbox><xmin>1</xmin><ymin>2</ymin>
    ... <xmax>10</xmax><ymax>20</ymax></bndbox></object></annotation>'''
    >>> parse_voc(xml, "a.xml").corners.tolist()
    [[0.0, 1.0, 10.0, 20.0]]
    """
    root = _parsed(data, name)
    objects = list(root.iter("object"))
    corners = [_corners(each, at, name) for at, each in enumerate(objects)]
    names = [(each.findtext("name") or "").strip() for each in objects]
    if "" in names:
        raise DataError(f"{name}: object {names.index('')} has no name; add it")
    width, height = (_side(root, side) for side in ("width", "height"))
    size = (width, height) if width and height else None
    return VocFile(tuple(names), np.array(corners, dtype=np.float64).reshape(-1, 4), size)


def _parsed(data: bytes, name: str) -> Element:
    """The tree; entities, with which a small file can grow without end, are refused."""
    from xml.etree.ElementTree import TreeBuilder
    from xml.parsers import expat

    def refuse(*declared: object) -> None:
        del declared
        raise DataError(f"{name} declares a document type, which is not read; remove <!DOCTYPE …>")

    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
        return builder.close()
    except expat.ExpatError as error:
        raise DataError(f"{name} is no XML: {text_of(error)}; repair or remove it") from error
    except DataError:
        raise
    except (ValueError, LookupError) as error:  # of the encoding that the file declares
        raise DataError(f"{name} cannot be read: {text_of(error)}; save it as UTF-8") from error


def _corners(found: Element, at: int, name: str) -> FloatArray:
    box = found.find("bndbox")
    numbers = [] if box is None else [_number(box.findtext(corner)) for corner in _CORNERS]
    if not numbers or not np.isfinite(numbers).all():
        raise DataError(
            f"{name}: object {at} lacks a bndbox with the numbers {', '.join(_CORNERS)}; repair it"
        )
    corners: FloatArray = np.array(numbers) - _ONE_BASED
    return corners


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _side(root: Element, side: str) -> int:
    number = _number(root.findtext(f"size/{side}"))
    return int(number) if number > 0 and np.isfinite(number) else 0


def _found(place: Place) -> tuple[Path, list[Path]]:
    """The folder of the files, and the files."""
    for folder in (*map(place.folder, _FOLDERS), place.images):
        if files := files_below(folder, ".xml"):
            return folder, files
    return place.images, []


def _read(places: Sequence[Place], request: Request) -> Annotations:
    del request
    parsed = [_of_split(place) for place in places]
    named = class_names(places)
    occurring = sorted(
        {name for split in parsed for _, file in split.values() for name in file.names}
    )
    classes = tuple(occurring) if named is None else named[1]
    targets = [
        {row: _boxes(name, file, classes) for row, (name, file) in split.items()}
        for split in parsed
    ]
    return Annotations(classes, targets, (_NOTE,))


def _of_split(place: Place) -> dict[int, tuple[str, VocFile]]:
    folder, files = _found(place)
    found = image_of_each(place, files, folder, "annotation")
    return {
        row: (place.shown(path), parse_voc(path.read_bytes(), place.shown(path)))
        for path, row in found.items()
    }


def _boxes(name: str, file: VocFile, classes: Sequence[str]) -> LazyTarget:
    number = {of: at for at, of in enumerate(classes)}
    for of in file.names:
        if of not in number:
            raise DataError(f"{name}: the class {of!r} is not in classes.txt; add it there")
    classes_of = np.array([number[of] for of in file.names], dtype=np.int64)
    return partial(GivenBoxes, name, file.corners, "corners", classes_of, size=file.size)


VOC = Way("Pascal VOC", "annotations/*.xml, or beside the images", lambda of: _found(of)[1], _read)
