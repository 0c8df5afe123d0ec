"""Boxes and masks drawn over an image, in colours that colour-blind people tell apart."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._optional import optional
from uwe._types import BoolArray, FloatArray, IntArray
from uwe.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "Drawn",
    "DrawnBoxes",
    "DrawnMask",
    "class_colour",
    "classes_drawn",
    "legend",
    "legend_of",
    "overlaid",
]

Pixels: TypeAlias = npt.NDArray[np.uint8]
_Colour: TypeAlias = tuple[int, int, int]
_Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom, inclusive

_PURPOSE = "drawing boxes and masks"
_FIRST: tuple[_Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
_GOLDEN = 0.618033988749895
_TONES = ((0.62, 0.98), (0.9, 0.66), (0.35, 0.85))  # saturation and value, by turns
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_BRIGHT = 140  # luminance from which black text is easier to read than white
_OPACITY = 0.42
_PIXELS_A_LINE = 220  # pixels of an image's longer side for each pixel of a line's width
_SMALLEST_LETTERS, _LINES_OF_LETTERS = 11, 34
_SMALLEST_WITH_LETTERS = 120  # pixels of the longer side
_FEW = 6  # boxes that may have labels wider than themselves
_LAST_LETTER = "\u017f"  # of what Pillow's own font can draw
_LEAST_SCORE = 0.3
_MARGIN = 2  # pixels about a label's letters


@dataclass(frozen=True, eq=False)
class DrawnBoxes:
    """Boxes of one image, ready to be drawn.

    Attributes:
        corners: left, top, right and bottom ``[m, 4]`` in pixels of an image of ``size``.
        classes: the class number of each box.
        names: of the classes.
        size: width and height that the corners refer to.
        scores: of each box, 0 to 1; None for boxes that people drew.
    """

    corners: FloatArray
    classes: Sequence[int]
    names: Sequence[str]
    size: tuple[int, int]
    scores: Sequence[float] | None = None

    def __post_init__(self) -> None:
        scores = len(self.classes) if self.scores is None else len(self.scores)
        if not len(self.corners) == len(self.classes) == scores:
            raise InputError(
                f"{len(self.corners)} boxes, but {len(self.classes)} classes and {scores} scores"
            )

    @classmethod
    def of_detections(
        cls,
        rows: npt.NDArray[np.floating[Any]],
        names: Sequence[str],
        size: tuple[int, int],
        *,
        least: float = _LEAST_SCORE,
    ) -> DrawnBoxes:
        """The boxes of a model that are sure enough to be drawn.

        Args:
            rows: left, top, right, bottom, score and class ``[m, 6]``; rows of zeros are no boxes.
            names: of the classes.
            size: width and height that the corners refer to.
            least: the smallest score that is drawn.

        >>> rows = np.array([[1, 1, 5, 5, 0.9, 1], [2, 2, 4, 4, 0.1, 0], [0, 0, 0, 0, 0, 0]])
        >>> DrawnBoxes.of_detections(rows, ("rbc", "wbc"), (8, 8)).classes
        [1]
        """
        drawn = np.asarray(rows, dtype=np.float64).reshape(-1, 6)
        drawn = drawn[(drawn[:, 4] >= least) & (drawn[:, :4] != 0).any(1)]
        classes = drawn[:, 5].astype(np.int64).tolist()
        return cls(drawn[:, :4], classes, names, size, drawn[:, 4].tolist())


@dataclass(frozen=True, eq=False)
class DrawnMask:
    """The classes of an image's pixels, ready to be drawn.

    Attributes:
        pixels: class numbers uint8 ``[h, w]``; stretched where the image has another size.
        names: of the classes.
        ignore: the value of pixels that are left without a colour, or None.
    """

    pixels: Pixels
    names: Sequence[str]
    ignore: int | None = None


Drawn: TypeAlias = DrawnBoxes | DrawnMask


def overlaid(image: Image, drawn: Drawn) -> Image:
    """A copy of an image, in RGB, with boxes or a mask over it.

    Boxes are outlines with a dark edge on both sides; the name of the class and the score stand
    at the box where there is space. A mask is a translucent colour with a thin contour.
    Sizes of lines and letters grow with the image.

    Args:
        image: of any size; the boxes or the mask are stretched to it.
        drawn: what is drawn.

    Raises:
        InputError: Pillow is not installed.
    """
    if isinstance(drawn, DrawnMask):
        return _with_mask(image.convert("RGB"), drawn)
    return _with_boxes(image.convert("RGB"), drawn)


def legend(drawn: Drawn) -> list[tuple[str, str]]:
    """The name and the CSS colour of each class that occurs, in the order of their numbers.

    >>> legend(DrawnMask(np.array([[1, 0], [255, 1]], np.uint8), ("sky", "road"), ignore=255))
    [('sky', '#e69f00'), ('road', '#56b4e9')]
    """
    return legend_of(classes_drawn(drawn))


def legend_of(classes: Mapping[int, str]) -> list[tuple[str, str]]:
    """The name and the CSS colour of each class, in the order of their numbers.

    Args:
        classes: names by number.
    """
    return [(classes[at], class_colour(at)) for at in sorted(classes)]


def classes_drawn(drawn: Drawn) -> dict[int, str]:
    """The classes that occur: names by number."""
    if isinstance(drawn, DrawnMask):
        found = {int(each) for each in np.unique(drawn.pixels)} - {drawn.ignore}
    else:
        found = {int(each) for each in drawn.classes}
    return {at: _name(drawn.names, at) for at in sorted(found)}


def class_colour(number: int) -> str:
    """The colour of a class in CSS.

    The first seven are those of Okabe and Ito without black; the others have hues at the golden
    angle, in three tones by turns.

    Source: Okabe and Ito (2008), Color universal design.

    >>> class_colour(0), class_colour(7)
    ('#e69f00', '#fa8d5f')
    """
    return "#{:02x}{:02x}{:02x}".format(*_colour(number))


def _colour(number: int) -> _Colour:
    if number < len(_FIRST):
        return _FIRST[number]
    beyond = number - len(_FIRST)
    hue = (0.05 + beyond * _GOLDEN) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, *_TONES[beyond % len(_TONES)])
    return round(255 * red), round(255 * green), round(255 * blue)


def _name(names: Sequence[str], number: int) -> str:
    return names[number] if 0 <= number < len(names) else f"class {number}"


def _line_width(image: Image) -> int:
    return max(1, round(max(image.size) / _PIXELS_A_LINE))


def _with_mask(image: Image, drawn: DrawnMask) -> Image:
    numbers = _stretched(drawn.pixels, image.size)
    palette = np.array([_colour(at) for at in range(256)], np.float64)
    counted = np.ones(numbers.shape, np.bool_) if drawn.ignore is None else numbers != drawn.ignore
    opacity = np.where(_contours(numbers, _line_width(image)), 1.0, _OPACITY) * counted
    below = np.asarray(image, np.float64)
    mixed = below + opacity[:, :, None] * (palette[numbers] - below)
    found: Image = optional("PIL.Image", _PURPOSE).fromarray(np.rint(mixed).astype(np.uint8))
    return found


def _stretched(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Class numbers ``[h, w]`` at another width and height, by nearest neighbours."""
    (height, width), (wide, high) = pixels.shape, size
    rows = (np.arange(high) * height) // high
    columns = (np.arange(wide) * width) // wide
    stretched: Pixels = pixels[rows[:, None], columns]
    return stretched


def _contours(numbers: Pixels, width: int) -> BoolArray:
    """Pixels within half of ``width`` of another class, at least the one at the border."""
    found = np.zeros(numbers.shape, np.bool_)
    for apart in range(1, (width + 1) // 2 + 1):
        down = numbers[apart:] != numbers[:-apart]
        right = numbers[:, apart:] != numbers[:, :-apart]
        found[apart:] |= down
        found[:, apart:] |= right
        if width > 1:
            found[:-apart] |= down
            found[:, :-apart] |= right
    return found


def _with_boxes(image: Image, drawn: DrawnBoxes) -> Image:
    draw = optional("PIL.ImageDraw", _PURPOSE).Draw(image)
    width = _line_width(image)
    corners = _pixels_of(drawn, image.size)
    order = _weakest_first(drawn)
    for at in order:
        _outline(draw, corners[at], _colour(drawn.classes[at]), width)
    if max(image.size) >= _SMALLEST_WITH_LETTERS:
        _label_boxes(draw, drawn, corners, order, image.size)
    return image


def _label_boxes(
    draw: Any,
    drawn: DrawnBoxes,
    corners: Sequence[_Box],
    order: Sequence[int],
    size: tuple[int, int],
) -> None:
    """Labels of the boxes that were drawn last come first; one that hides another is left out."""
    font = _font(size)
    taken: list[_Box] = []
    for at in reversed(order):
        fits = _fitting(font, _texts(drawn, at), corners[at], few=len(order) <= _FEW)
        place = None if fits is None else _place(font, fits, corners[at], size)
        if fits is not None and place is not None and not any(_overlap(place, e) for e in taken):
            taken.append(place)
            _label(draw, font, fits, place, _colour(drawn.classes[at]))


def _pixels_of(drawn: DrawnBoxes, size: tuple[int, int]) -> list[_Box]:
    """First and last pixel of each box, across and down, in an image of another size."""
    scale = np.tile(np.divide(size, drawn.size), 2)
    ends: IntArray = np.rint(np.asarray(drawn.corners) * scale).astype(np.int64).reshape(-1, 4)
    firsts = np.minimum(ends[:, :2], ends[:, 2:])
    lasts = np.maximum(firsts, np.maximum(ends[:, :2], ends[:, 2:]) - 1)
    return [(*first, *last) for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)]


def _weakest_first(drawn: DrawnBoxes) -> list[int]:
    """Boxes in the order of drawing: sure ones over others, small ones over large ones."""
    sides = np.abs(drawn.corners[:, 2:] - drawn.corners[:, :2])
    areas = sides.prod(1)
    firm = -areas if drawn.scores is None else np.asarray(drawn.scores, np.float64)
    order: list[int] = np.argsort(firm, kind="stable").tolist()
    return order


def _outline(draw: Any, box: _Box, colour: _Colour, width: int) -> None:
    left, top, right, bottom = box
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_BLACK)
    inside = (left + width, top + width, right - width, bottom - width)
    if inside[0] <= inside[2] and inside[1] <= inside[3]:
        draw.rectangle(inside, outline=_BLACK)
    draw.rectangle(box, outline=colour, width=width)


def _texts(drawn: DrawnBoxes, at: int) -> list[str]:
    """The class and the score of a box, and the score alone.

    A class whose name Pillow's own font cannot draw is told by its number.
    """
    number = drawn.classes[at]
    name = _name(drawn.names, number)
    if max(name, default="") > _LAST_LETTER:
        name = str(number)
    if drawn.scores is None:
        return [name]
    score = f"{drawn.scores[at]:.2f}"
    return [f"{name} {score}", score]


def _fitting(font: Any, texts: Sequence[str], box: _Box, *, few: bool) -> str | None:
    """The first text that is no wider than its box; among few boxes the whole one."""
    if few:
        return texts[0]
    return next((each for each in texts if _size(font, each)[0] <= box[2] - box[0] + 1), None)


def _font(size: tuple[int, int]) -> Any:
    letters = max(_SMALLEST_LETTERS, round(max(size) / _LINES_OF_LETTERS))
    return optional("PIL.ImageFont", _PURPOSE).load_default(letters)


def _size(font: Any, text: str) -> tuple[int, int]:
    left, top, right, bottom = font.getbbox(text)
    return round(right - left) + 2 * _MARGIN, round(bottom - top) + 2 * _MARGIN


def _place(font: Any, text: str, box: _Box, size: tuple[int, int]) -> _Box | None:
    """Where a label stands: over its box, or inside where the image ends; None without space."""
    wide, high = _size(font, text)
    if wide > size[0] or high > size[1]:
        return None
    x = min(max(box[0], 0), size[0] - wide)
    y = box[1] - high if box[1] >= high else box[1]
    y = min(max(y, 0), size[1] - high)
    return x, y, x + wide - 1, y + high - 1


def _overlap(one: _Box, other: _Box) -> bool:
    across = one[0] <= other[2] and other[0] <= one[2]
    return across and one[1] <= other[3] and other[1] <= one[3]


def _label(draw: Any, font: Any, text: str, place: _Box, colour: _Colour) -> None:
    left, top, _, _ = font.getbbox(text)
    draw.rectangle(place, fill=colour)
    at = (place[0] + _MARGIN - left, place[1] + _MARGIN - top)
    draw.text(at, text, font=font, fill=_ink(colour))


def _ink(colour: _Colour) -> _Colour:
    red, green, blue = colour
    return _BLACK if 0.299 * red + 0.587 * green + 0.114 * blue >= _BRIGHT else _WHITE
