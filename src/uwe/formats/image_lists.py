"""Images with classes as COCO and as CVAT write them: the label that counts, and nobody's name."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from uwe.data.images import size_of_image
from uwe.errors import DataError
from uwe.formats import coco_shapes, cvat_shapes
from uwe.formats._format import IMAGES, NAMED_CLASSES, Format
from uwe.formats.coco_parts import key_of, parts_in, text_of_part
from uwe.formats.export import Entry, Export
from uwe.formats.json_text import json_bytes, read_json
from uwe.formats.peek import Peek
from uwe.formats.reading import Destination, Found, Unreadable, rows_of
from uwe.formats.xml_text import quoted, xml_text
from uwe.tables import LabelRows, shown_id
from uwe.tasks import SHAPE_WIDGETS

__all__ = ["COCO", "CVAT"]

_XML_IN_ZIP = "annotations.xml"
_LARGEST_XML = 2**30
_SHAPES = ("box", "polygon", "polyline", "points", "cuboid", "mask", "ellipse", "skeleton")


@dataclass(frozen=True)
class Listed:
    """An image of a list, and its classes.

    Attributes:
        name: path of the image, as the file has it.
        classes: that apply to the whole image.
        is_labelled: whether an image without a class was labelled so.
        shapes: the names and attributes of the elements that are shapes.
        size: width and height, as the file has them; None where it does not.
    """

    name: str
    classes: tuple[str, ...]
    is_labelled: bool = False
    shapes: tuple[tuple[str, Mapping[str, str]], ...] = ()
    size: tuple[int, int] | None = None


def _coco_bytes(export: Export) -> bytes:
    """The images as COCO: each class of an image is a box around all of it."""
    if export.task.widget in SHAPE_WIDGETS:
        return coco_shapes.encoded(export)
    categories = {name: at for at, name in enumerate(export.task.classes, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, entry in enumerate(export.entries, start=1):
        width, height = size_of_image(export.image(entry), entry.id)
        image = {"id": number, "file_name": entry.id, "width": width, "height": height}
        images.append(image | ({} if entry.label is None else {"labelled": True}))
        annotations += [
            {
                "id": len(annotations) + at,
                "image_id": number,
                "category_id": categories[name],
                "bbox": [0, 0, width, height],
                "area": width * height,
                "segmentation": [],
                "iscrowd": 0,
            }
            for at, name in enumerate(_classes(entry), start=1)
        ]
    return json_bytes({
        "info": {"description": export.name},
        "licenses": [],
        "images": images,
        "categories": [
            {"id": at, "name": name, "supercategory": ""} for name, at in categories.items()
        ],
        "annotations": annotations,
    })  # fmt: skip


def _cvat_bytes(export: Export) -> bytes:
    """The images as "CVAT for images 1.1": each class of an image is a tag."""
    if export.task.widget in SHAPE_WIDGETS:
        return cvat_shapes.encoded(export)
    labels = "".join(
        f"<label><name>{xml_text(name)}</name><type>tag</type><attributes></attributes></label>"
        for name in export.task.classes
    )
    images = "".join(_cvat_image(export, at, entry) for at, entry in enumerate(export.entries))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
        f"<meta><task><name>{xml_text(export.name)}</name><size>{len(export.entries)}</size>"
        f"<mode>annotation</mode><labels>{labels}</labels></task></meta>\n{images}</annotations>\n"
    ).encode()


def _cvat_image(export: Export, number: int, entry: Entry) -> str:
    width, height = size_of_image(export.image(entry), entry.id)
    labelled = "" if entry.label is None else ' labelled="true"'
    tags = "".join(
        f'\n<tag label={quoted(name)} source="manual"></tag>' for name in _classes(entry)
    )
    return (
        f'<image id="{number}" name={quoted(entry.id)} width="{width}" height="{height}"'
        f"{labelled}>{tags}\n</image>\n"
    )


def _classes(entry: Entry) -> Sequence[str]:
    if entry.label is None:
        return ()
    return (entry.label,) if isinstance(entry.label, str) else entry.label


def _is_coco(peek: Peek) -> bool:
    """Whether the file is one object with images, categories and annotations."""
    keys = {"images", "annotations", "categories"}
    if peek.record:
        return keys <= set(peek.record)
    return isinstance(peek.document, dict) and keys <= set(peek.document)


def _is_cvat(peek: Peek) -> bool:
    """Whether the file is XML with annotations, or a ZIP or folder with one of CVAT."""
    if peek.is_folder:
        return _XML_IN_ZIP in peek.names
    if peek.head.startswith(b"PK"):
        try:
            with zipfile.ZipFile(peek.path) as archive:
                return _XML_IN_ZIP in archive.namelist()
        except (zipfile.BadZipFile, OSError):
            return False
    if not peek.head.startswith(b"<") or b"<annotation>" in peek.head:  # of Pascal VOC
        return False
    return b"<annotations" in peek.head or peek.suffix == ".xml"


def _read_coco(path: Path, into: Destination) -> LabelRows:
    """The classes of the images of a COCO file: those of all its annotations.

    Raises:
        DataError: it is none.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise DataError(f"{path} is no COCO file; it must be an object with images")
    if into.task.widget in SHAPE_WIDGETS:
        return coco_shapes.rows_in(path, document, into)
    try:
        listed = list(_coco_images(document))
    except Unreadable as error:
        raise DataError(f"{path}: {error}") from error
    return _rows(path, into, listed)


def _coco_images(document: Mapping[str, Any]) -> Iterator[Listed]:
    names: dict[Any, str] = {}
    for category in parts_in(document, "categories"):
        names[key_of(category, "id", "a category")] = text_of_part(category, "name", "a category")
    classes: dict[Any, list[str]] = {}
    for at, annotation in enumerate(parts_in(document, "annotations"), start=1):
        what = f"annotation {at}"
        kind = key_of(annotation, "category_id", what)
        if kind not in names:
            raise Unreadable(f"{what} is of category {kind!r:.40}, which is not listed")
        of = classes.setdefault(key_of(annotation, "image_id", what), [])
        of += [names[kind]] if names[kind] not in of else []
    images = list(parts_in(document, "images"))
    known = {key_of(image, "id", "an image") for image in images}
    if lost := [key for key in classes if key not in known]:
        raise Unreadable(f"an annotation is of image {lost[0]!r}, which is not listed")
    for image in images:
        of = classes.get(key_of(image, "id", "an image"), [])
        yield Listed(
            text_of_part(image, "file_name", "an image"), tuple(of), image.get("labelled") is True
        )


def _read_cvat(path: Path, into: Destination) -> LabelRows:
    """The tags of the images of a "CVAT for images" file; tags of a model (``auto``) are left out.

    Raises:
        DataError: it is none, or is not safe to read.
    """
    reader = CvatReader(path)
    reader.read(_xml_bytes(path))
    if into.task.widget in SHAPE_WIDGETS:
        return cvat_shapes.rows_in(path, reader.listed, into)
    if reader.has_shapes and not any(each.classes for each in reader.listed):
        raise DataError(
            f"{path} holds shapes, but no tags of whole images; label images with tags in CVAT"
        )
    return _rows(path, into, reader.listed)


def _xml_bytes(path: Path) -> bytes:
    if path.is_dir():
        path = path / _XML_IN_ZIP
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(_XML_IN_ZIP).file_size > _LARGEST_XML:
                raise DataError(f"{_XML_IN_ZIP} in {path} has more than 1 GiB; unpack it first")
            with archive.open(_XML_IN_ZIP) as file:
                return file.read(_LARGEST_XML)
    except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(
            f"{path} holds no {_XML_IN_ZIP} that can be read; export it again"
        ) from error


@dataclass
class CvatReader:
    """Collects the images of a file as its elements pass by; nothing is built of the tree."""

    path: Path
    listed: list[Listed] = field(default_factory=list)
    has_shapes: bool = False
    is_root: bool = True
    image: Mapping[str, str] | None = None
    tags: list[str] = field(default_factory=list)
    shapes: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse_type  # so no entity can be declared
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(content, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.path} is no XML ({error}); export it again") from error

    def _refuse_type(self, *_: object) -> None:
        raise DataError(f"{self.path} declares a document type, which CVAT does not; remove it")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self.is_root and name != "annotations":
            raise DataError(f"{self.path} begins with <{name:.40}>, not with <annotations> of CVAT")
        self.is_root = False
        if name == "track":
            raise DataError(f'{self.path} is of a video; export it as "CVAT for images 1.1"')
        if name == "image":
            if not attributes.get("name"):
                raise DataError(f"{self.path}: image {len(self.listed) + 1} has no name")
            self.image, self.tags, self.shapes = attributes, [], []
        elif name == "tag" and self.image is not None and attributes.get("source") != "auto":
            self.tags.append(attributes.get("label", ""))
        elif name in _SHAPES:
            self.has_shapes = True
            self.shapes.append((name, dict(attributes)))

    def _end(self, name: str) -> None:
        if name == "image" and self.image is not None:
            labelled = self.image.get("labelled") == "true"
            classes = tuple(dict.fromkeys(self.tags))
            shapes, size = tuple(self.shapes), _size_in(self.image)
            self.listed.append(Listed(self.image["name"], classes, labelled, shapes, size))
            self.image = None


def _size_in(image: Mapping[str, str]) -> tuple[int, int] | None:
    """Width and height of an image element; None where they are no numbers."""
    try:
        return int(image["width"]), int(image["height"])
    except (KeyError, ValueError):
        return None


def _rows(path: Path, into: Destination, listed: Sequence[Listed]) -> LabelRows:
    def found(image: Listed) -> Iterator[Found]:
        yield Found((image.name,), _label(into, image))

    return rows_of(path, into, enumerate(listed, start=1), found, unit="image")


def _label(into: Destination, image: Listed) -> Any:
    """The label that the classes of an image are; None where it has none.

    Raises:
        Unreadable: they are several, and one is wanted.
    """
    if into.task.widget == "choices":
        return list(image.classes) if image.classes or image.is_labelled else None
    if len(image.classes) > 1:
        first, second = image.classes[:2]
        raise Unreadable(
            f"{shown_id(image.name)} has the classes {first!r:.40} and {second!r:.40}; keep one"
        )
    return image.classes[0] if image.classes else None


COCO = Format(
    "coco",
    "JSON of COCO: boxes, masks, or each class a box around the whole image",
    _is_coco,
    _read_coco,
    encode=_coco_bytes,
    suffixes=(".json",),
    widgets=NAMED_CLASSES | SHAPE_WIDGETS,
    kinds=IMAGES,
    holds_people=False,
)
CVAT = Format(
    "cvat",
    'XML of "CVAT for images 1.1": boxes, masks, or each class a tag of the image',
    _is_cvat,
    _read_cvat,
    encode=_cvat_bytes,
    suffixes=(".xml",),
    widgets=NAMED_CLASSES | SHAPE_WIDGETS,
    kinds=IMAGES,
    holds_people=False,
)
