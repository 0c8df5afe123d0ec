"""Boxes and masks in the XML of "CVAT for images 1.1"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from uwe.formats.drawn import DrawnImage, DrawnPart, drawn_images, runs_of
from uwe.formats.export import Export
from uwe.formats.reading import Destination, Found, Unreadable, rows_of
from uwe.formats.xml_text import quoted, xml_text
from uwe.project.outlines import Outlines, Shape, drawn_names, of_polygons, of_runs
from uwe.tables import LabelRows

if TYPE_CHECKING:
    from uwe.formats.image_lists import Listed

__all__ = ["encoded", "rows_in"]

_TYPES = {"boxes": "rectangle", "mask": "mask"}
_BY_MODEL = "auto"


def encoded(export: Export) -> bytes:
    """The images with their boxes, or with a mask for each class; those of a model are ``auto``."""
    kind = _TYPES[export.task.widget]
    labels = "".join(
        f"<label><name>{xml_text(name)}</name><type>{kind}</type><attributes></attributes></label>"
        for name in drawn_names(export.task)
    )
    images = "".join(_image(at, drawn) for at, drawn in enumerate(drawn_images(export)))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
        f"<meta><task><name>{xml_text(export.name)}</name><size>{len(export.entries)}</size>"
        f"<mode>annotation</mode><labels>{labels}</labels></task></meta>\n{images}</annotations>\n"
    ).encode()


def _image(number: int, drawn: DrawnImage) -> str:
    width, height = drawn.size
    labelled = ' labelled="true"' if drawn.is_labelled else ""
    source = _BY_MODEL if drawn.by_model else "manual"
    shapes = "".join(f"\n{_shape(part, source)}" for part in drawn.parts)
    return (
        f'<image id="{number}" name={quoted(drawn.id)} width="{width}" height="{height}"'
        f"{labelled}>{shapes}\n</image>\n"
    )


def _shape(part: DrawnPart, source: str) -> str:
    left, top, right, bottom = part.box
    about = f'label={quoted(part.name)} source="{source}" occluded="0"'
    if part.area is None:
        corners = f'xtl="{left!r}" ytl="{top!r}" xbr="{right!r}" ybr="{bottom!r}"'
        return f'<box {about} {corners} z_order="0"></box>'
    x, y, across, down = int(left), int(top), int(right - left), int(bottom - top)
    runs = ", ".join(map(str, runs_of(part.area[y : y + down, x : x + across])))
    where = f'left="{x}" top="{y}" width="{across}" height="{down}"'
    return f'<mask {about} rle="{runs}" {where} z_order="0"></mask>'


def rows_in(path: Path, listed: Sequence[Listed], into: Destination) -> LabelRows:
    """The boxes or masks of the images of a file.

    An image counts as labelled if a shape of it is not ``auto``, that is of a model, if it is
    marked as ``labelled``, or if the destination says that the file is complete.
    """

    def found(image: Listed) -> Iterator[Found]:
        by_people = any(its.get("source") != _BY_MODEL for _, its in image.shapes)
        is_labelled = by_people or image.is_labelled or into.is_complete
        if not is_labelled:
            yield Found((image.name,), None)
            return
        ordered = sorted(image.shapes, key=lambda each: _order(each[1]))
        shapes = (_read(kind, its) for kind, its in ordered)
        yield Found((image.name,), Outlines(tuple(shapes), image.size))

    return rows_of(path, into, enumerate(listed, start=1), found, unit="image")


def _order(its: Mapping[str, str]) -> int:
    try:
        return int(its.get("z_order", "0"))
    except ValueError:
        return 0


def _read(kind: str, its: Mapping[str, str]) -> Shape:
    if kind not in _READERS:
        raise Unreadable(f"a {kind} is no shape that the project can take; draw boxes or masks")
    try:
        return _READERS[kind](its)
    except (KeyError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"a {kind} cannot be read ({error}); export the file again") from error


def _box(its: Mapping[str, str]) -> Shape:
    if float(its.get("rotation", 0)) % 360:
        raise Unreadable("a box is rotated, and boxes of a project are not; turn it back")
    left, top, right, bottom = (float(its[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
    return Shape(its["label"], (left, top, right, bottom))


def _polygon(its: Mapping[str, str]) -> Shape:
    points = [tuple(map(float, point.split(","))) for point in its["points"].split(";")]
    return Shape(its["label"], area=of_polygons([[each for point in points for each in point]]))


def _mask(its: Mapping[str, str]) -> Shape:
    runs = [int(each) for each in its["rle"].split(",")]
    left, top, width, height = (int(its[name]) for name in ("left", "top", "width", "height"))
    return Shape(its["label"], area=of_runs(runs, (left, top, width, height)))


_READERS: Mapping[str, Callable[[Mapping[str, str]], Shape]] = {
    "box": _box,
    "polygon": _polygon,
    "mask": _mask,
}
"""By the name of the element."""
