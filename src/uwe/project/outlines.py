"""Shapes of one image as other tools have them, which become the boxes or the mask of a project."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._types import BoolArray
from uwe.data.dense.coco import area_of
from uwe.errors import DataError, InputError, require_known
from uwe.tasks import Boxes, Masks, Task

__all__ = [
    "Outlines",
    "Shape",
    "base_of",
    "drawn_names",
    "is_alike",
    "name_of",
    "of_polygons",
    "of_runs",
    "of_segmentation",
]

Pixels: TypeAlias = npt.NDArray[np.uint8]
Size: TypeAlias = tuple[int, int]

_BACKGROUND = re.compile(r"_*(background|unlabell?ed|void)_*", re.IGNORECASE)
_IGNORE = "ignore"


@dataclass(frozen=True)
class Shape:
    """One shape.

    Attributes:
        name: of its class.
        box: left, top, right and bottom in pixels; None where it has none.
        area: gives its pixels, bool ``[h, w]``, for a width and height; None of a box alone.
        crowd: whether it holds a crowd of objects.
    """

    name: str
    box: tuple[float, float, float, float] | None = None
    area: Callable[[Size], BoolArray] | None = None
    crowd: bool = False


@dataclass(frozen=True)
class Outlines:
    """The shapes of one image.

    Attributes:
        shapes: in the order in which they are drawn; a later one covers an earlier one.
        size: width and height of the image as the tool has it; None where it does not say.
        is_stretched: whether the tool may have had the image in another size.
        largest_first: whether smaller areas cover larger ones, in any order.
        problem: why the shapes cannot be taken; empty where they can.
    """

    shapes: tuple[Shape, ...]
    size: Size | None = None
    is_stretched: bool = False
    largest_first: bool = False
    problem: str = ""

    def renamed(self, names: Mapping[str, str]) -> Outlines:
        """The shapes with other names of classes."""
        shapes = (replace(each, name=names.get(each.name, each.name)) for each in self.shapes)
        return replace(self, shapes=tuple(shapes))

    def label(self, task: Task, size: Size | None) -> Boxes | Pixels:
        """The boxes or the class numbers ``[h, w]`` that the shapes are.

        Args:
            task: what is labelled.
            size: width and height of the image; None where they are not known.

        Raises:
            InputError: a class is unknown, a shape is of another kind, the image had another size,
                or pixels are covered by no shape and have no class.
        """
        if self.problem:
            raise InputError(self.problem)
        for each in self.shapes:
            require_known(each.name, drawn_names(task), "class")
        own = self.size or size
        if self.is_stretched and size is None:
            raise InputError("the size of the image is unknown, and the file holds shares of it")
        if size is not None and own != size and not self.is_stretched:
            said, true = (f"{each[0]}x{each[1]}" for each in (own or size, size))
            raise InputError(
                f"the file says that the image is {said} pixels, and it is {true}; export it again"
            )
        if size is not None and own is not None and not is_alike(own, size):
            raise InputError(
                f"the file says that the image is {own[0]}x{own[1]} pixels, and it is "
                f"{size[0]}x{size[1]}, of another form; turn it back, and export it again"
            )
        if isinstance(task.targets, Masks):
            return self._pixels(task, own)
        scale = (1.0, 1.0) if size is None or own is None else (size[0] / own[0], size[1] / own[1])
        return self._boxes(task, scale)

    def _boxes(self, task: Task, scale: tuple[float, float]) -> Boxes:
        corners = []
        for at, each in enumerate(self.shapes, start=1):
            if each.box is None:
                raise InputError(f"shape {at} ({each.name}) is not a box; draw boxes only")
            corners.append(each.box)
        numbers = np.array(corners, dtype=np.float64).reshape(-1, 4) * [*scale, *scale]
        classes = [task.classes.index(each.name) for each in self.shapes]
        crowd = np.array([each.crowd for each in self.shapes], dtype=np.bool_)
        return Boxes(numbers, np.array(classes, dtype=np.int64), crowd)

    def _pixels(self, task: Task, size: Size | None) -> Pixels:
        if size is None:
            raise InputError("the size of the image is unknown, so no mask can be made")
        width, height = size
        base = base_of(task)
        pixels = np.full((height, width), 0 if base is None else base, dtype=np.uint8)
        covered = np.zeros((height, width), dtype=np.bool_)
        for name, area in self._areas(size):
            pixels[area] = _number_of(task, name)
            covered |= area
        if base is None and not covered.all():
            raise InputError(
                f"{int((~covered).sum()):,} of {covered.size:,} pixels are in no shape, and no "
                "class is called background; cover them, or make the project with --task-option "
                "ignore=255"
            )
        return pixels

    def _areas(self, size: Size) -> list[tuple[str, BoolArray]]:
        """The name and the area of each shape, in the order in which they are drawn."""
        found = []
        for at, each in enumerate(self.shapes, start=1):
            if each.area is None:
                raise InputError(
                    f"shape {at} ({each.name}) is a box, and masks are wanted; draw polygons or "
                    "masks"
                )
            found.append((each.name, each.area(size)))
        return sorted(found, key=lambda each: -int(each[1].sum())) if self.largest_first else found


def is_alike(size: Size, other: Size) -> bool:
    """Whether two sizes may be of one image, which was scaled and rounded to whole pixels.

    Sides of 1 pixel are those of a file that has shares of the image.

    >>> is_alike((1000, 667), (3000, 2000)), is_alike((30, 40), (40, 30))
    (True, False)
    """
    if min(size) == 1 or min(other) == 1:
        return True
    (width, height), (across, down) = size, other
    return (width - 1) * (down - 1) <= (height + 1) * (across + 1) and (
        (height - 1) * (across - 1) <= (width + 1) * (down + 1)
    )


def drawn_names(task: Task) -> tuple[str, ...]:
    """The names that shapes may have: the classes, and ``ignore`` where a mask may ignore pixels.

    >>> from uwe.tasks import segmentation
    >>> drawn_names(segmentation(["sky", "road"], ignore=255))
    ('sky', 'road', 'ignore')
    """
    ignores = getattr(task.targets, "ignore", None) is not None and _IGNORE not in task.classes
    return (*task.classes, *((_IGNORE,) if ignores else ()))


def name_of(task: Task, number: int) -> str:
    """The name of the shapes of a class number, or of the ignored value."""
    return task.classes[number] if number < len(task.classes) else _IGNORE


def _number_of(task: Task, name: str) -> int:
    if name in task.classes:
        return task.classes.index(name)
    return int(getattr(task.targets, "ignore", 0))


def base_of(task: Task) -> int | None:
    """The number of pixels that no shape covers: a class called background, or the ignore value.

    >>> from uwe.tasks import segmentation
    >>> base_of(segmentation(["road", "Background"])), base_of(segmentation(["road"], ignore=9))
    (1, 9)
    """
    named = [at for at, name in enumerate(task.classes) if _BACKGROUND.fullmatch(name)]
    ignored: int | None = getattr(task.targets, "ignore", None)
    return named[0] if named else ignored


def of_polygons(polygons: Sequence[Sequence[float]]) -> Callable[[Size], BoolArray]:
    """The area of polygons, each ``x, y, x, y, …`` in pixels."""
    return of_segmentation({"segmentation": list(polygons)}, "a polygon")


def of_segmentation(annotation: Mapping[str, Any], name: str) -> Callable[[Size], BoolArray]:
    """The area of polygons or runs as COCO has them.

    Args:
        annotation: with ``segmentation``.
        name: of the file, for errors.
    """

    def area(size: Size) -> BoolArray:
        try:
            found: BoolArray = np.asarray(area_of(dict(annotation), size, name)) > 0
        except DataError as error:
            raise InputError(str(error)) from error
        return found

    return area


def of_runs(
    counts: Sequence[int], box: tuple[int, int, int, int] | None = None
) -> Callable[[Size], BoolArray]:
    """The area of runs of pixels, row by row: first how many are outside, then inside, and so on.

    Args:
        counts: lengths of the runs.
        box: left, top, width and height of the part of the image that they are about; None: all.

    >>> of_runs([1, 2, 1], (1, 0, 2, 2))((4, 2)).astype(int).tolist()
    [[0, 0, 1, 0], [0, 1, 0, 0]]
    """

    def area(size: Size) -> BoolArray:
        left, top, width, height = (0, 0, *size) if box is None else box
        if min(counts, default=0) < 0 or sum(counts) != width * height:
            raise InputError(
                f"a mask has runs of {sum(counts):,} pixels in all, and {width}x{height} are needed"
            )
        if left < 0 or top < 0 or left + width > size[0] or top + height > size[1]:
            raise InputError(f"a mask leaves the image of {size[0]}x{size[1]} pixels")
        inside = np.arange(len(counts)) % 2 == 1
        found = np.zeros((size[1], size[0]), dtype=np.bool_)
        part = np.repeat(inside, list(counts)).reshape(height, width)
        found[top : top + height, left : left + width] = part
        return found

    return area
