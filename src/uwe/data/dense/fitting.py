"""Masks and boxes at the size of the images that are learnt from, and boxes that cannot be kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._types import FloatArray, Images
from uwe.data.dense.rows import GivenBoxes, GivenMask
from uwe.data.images import as_image
from uwe.errors import DataError
from uwe.tasks import Boxes

__all__ = ["FORMS", "BoxFitter", "fit_mask", "fit_whole", "fitted_size"]

Size = tuple[int, int]  # width, height

_PURPOSE = "reading images"
_ROUNDING = 1.0  # pixels by which a box may leave its image without a word
_SHOWN = 3


def _from_xyxy(numbers: FloatArray, size: Size) -> FloatArray:
    del size
    return numbers


def _from_xywh(numbers: FloatArray, size: Size) -> FloatArray:
    del size
    return np.concatenate([numbers[:, :2], numbers[:, :2] + numbers[:, 2:]], axis=1)


def _from_shares(numbers: FloatArray, size: Size) -> FloatArray:
    centre, sides = numbers[:, :2] * size, numbers[:, 2:] * size
    return np.concatenate([centre - sides / 2, centre + sides / 2], axis=1)


FORMS: Mapping[str, Callable[[FloatArray, Size], FloatArray]] = {
    "xyxy": _from_xyxy,
    "xywh": _from_xywh,
    "corners": _from_xyxy,
    "shares": _from_shares,
}
"""What four numbers of a box mean, as corners in pixels.

Left, top, right, bottom (``corners`` where the format leaves no doubt); left, top, width, height;
and the centre, width and height as shares of the image's sides, as YOLO has them.
"""

_OTHER = {"xyxy": "xywh", "xywh": "xyxy"}


def fitted_size(size: Size, side: int | None) -> Size:
    """Width and height where the shorter side is ``side``; None leaves them as they are.

    >>> fitted_size((640, 480), 240), fitted_size((100, 301), 50)
    ((320, 240), (50, 150))
    """
    if side is None:
        return size
    shorter = min(size)
    width, height = (max(1, round(each * side / shorter)) for each in size)
    return width, height


def fit_whole(image: Images, side: int | None) -> Images:
    """The whole image, its shorter side ``side`` (bilinear, antialiased); None: as it is."""
    size = (image.shape[1], image.shape[0])
    if (wanted := fitted_size(size, side)) == size:
        return image
    pillow = optional("PIL.Image", _PURPOSE)
    return np.asarray(as_image(image).resize(wanted, pillow.Resampling.BILINEAR))


def fit_mask(mask: GivenMask, size: Size, image_name: str, side: int | None) -> Any:
    """The class numbers at the size of the fitted image, uint8 ``[h, w]``, of the nearest pixels.

    Args:
        mask: as its file has it.
        size: width and height of its image.
        image_name: for an error.
        side: of the fitted image, the shorter one; None: as it is.

    Raises:
        DataError: the mask is not as large as its image.
    """
    height, width = mask.pixels.shape
    if (width, height) != size:
        is_turned = (height, width) == size
        how = " (photos are turned as their EXIF says, so turn the mask, too)" if is_turned else ""
        raise DataError(
            f"the mask {mask.name} is {width}x{height} pixels, but its image {image_name} is "
            f"{size[0]}x{size[1]}; make them equal{how}"
        )
    if (wanted := fitted_size(size, side)) == size:
        return mask.pixels
    pillow = optional("PIL.Image", _PURPOSE)
    return np.asarray(pillow.fromarray(mask.pixels).resize(wanted, pillow.Resampling.NEAREST))


@dataclass
class BoxFitter:
    """Fits the boxes of image after image, and counts those that cannot be kept as they are.

    Attributes:
        side: of the fitted images, the shorter one; None: as they are.
        found: names of images by what was wrong with a box of theirs.
        leaving: how many boxes leave their image, by what their numbers would mean; as it is
            declared first.
        boxes: how many there were.
        small: how many of them have numbers from 0 to 1 alone.
        is_whole: whether all their numbers are whole.
    """

    side: int | None
    found: dict[str, list[str]] = field(default_factory=dict)
    leaving: dict[str, int] = field(default_factory=dict)
    boxes: int = 0
    small: int = 0
    is_whole: bool = True

    def fit(self, given: GivenBoxes, size: Size, image_name: str) -> Boxes:
        """The boxes inside an image of that size, at the size of the fitted image.

        Raises:
            DataError: the file says another size than the image has.
        """
        _require_size(given, size, image_name)
        self._weigh(given, size)
        corners = FORMS[given.form](given.numbers, size)
        kept = self._kept(corners, size, given.name)
        width, height = fitted_size(size, self.side)
        scale = np.array([width / size[0], height / size[1]] * 2)
        inside = np.clip(corners, 0.0, [*size, *size])
        crowd = given.crowd[kept] if len(given.crowd) else given.crowd
        return Boxes((inside * scale)[kept], given.classes[kept], crowd)

    def require_form(self, name: str) -> None:
        """Refuse boxes whose numbers mean something else than is declared.

        Raises:
            DataError: most boxes leave their image as declared, and most do not otherwise; or all
                boxes are shares of the image's sides.
        """
        if len(self.leaving) != len(_OTHER):
            return
        if self.small == self.boxes and not self.is_whole:
            raise DataError(
                f"{name}: the numbers of all {self.boxes:,} boxes are from 0 to 1, as shares of "
                "the image's sides are; boxes are in pixels: multiply by the width or the height"
            )
        (declared, leaving), (other, leaving_otherwise) = self.leaving.items()
        if 2 * leaving > self.boxes >= 2 * leaving_otherwise:
            raise DataError(
                f"{name}: as {declared}, {leaving:,} of {self.boxes:,} boxes leave their image, "
                f"and as {other} {leaving_otherwise:,}; give --boxes {other}, or correct the boxes"
            )

    def notes(self, name: str) -> tuple[str, ...]:
        """What became of the boxes that could not be kept as they are."""
        return tuple(_note(name, what, names) for what, names in sorted(self.found.items()))

    def _weigh(self, given: GivenBoxes, size: Size) -> None:
        if given.form not in _OTHER:
            return
        self.boxes += len(given.numbers)
        self.small += int(((given.numbers >= 0) & (given.numbers <= 1)).all(1).sum())
        self.is_whole = self.is_whole and not (given.numbers % 1).any()
        for form in (given.form, _OTHER[given.form]):
            leaves = _leaves(FORMS[form](given.numbers, size), size)
            self.leaving[form] = self.leaving.get(form, 0) + int(leaves.sum())

    def _kept(self, corners: FloatArray, size: Size, name: str) -> Any:
        """Which boxes have a part inside the image."""
        has_area = (corners[:, 2:] > corners[:, :2]).all(1)
        inside = np.clip(corners, 0.0, [*size, *size])
        is_inside = (inside[:, 2:] > inside[:, :2]).all(1)
        clipped = has_area & is_inside & (np.abs(corners - inside) > _ROUNDING).any(1)
        self._count(_NO_AREA, ~has_area, name)
        self._count(_OUTSIDE, has_area & ~is_inside, name)
        self._count(_CLIPPED, clipped, name)
        return has_area & is_inside

    def _count(self, what: str, which: Any, name: str) -> None:
        if times := int(which.sum()):
            self.found.setdefault(what, []).extend([name] * times)


_NO_AREA = "without area are left out"
_OUTSIDE = "wholly outside their image are left out"
_CLIPPED = "partly outside their image are cut at its edge"


def _leaves(corners: FloatArray, size: Size) -> Any:
    """Which boxes leave their image, or have a corner out of order."""
    outside = (corners[:, :2] < -_ROUNDING).any(1) | (corners[:, 2:] > np.add(size, 1)).any(1)
    return outside | (corners[:, 2:] < corners[:, :2]).any(1)


def _require_size(given: GivenBoxes, size: Size, image_name: str) -> None:
    if given.size is not None and given.size not in (size, (0, 0)):
        said, true = (f"{w}x{h}" for w, h in (given.size, size))
        raise DataError(
            f"{given.name} is of an image of {said} pixels, but {image_name} is {true}; the boxes "
            "would be elsewhere: correct the size"
        )


def _note(name: str, what: str, names: list[str]) -> str:
    distinct = list(dict.fromkeys(names))
    shown = ", ".join(distinct[:_SHOWN]) + (", …" if len(distinct) > _SHOWN else "")
    count = "1 box" if len(names) == 1 else f"{len(names):,} boxes"
    if len(names) == 1:
        what = what.replace(" are ", " is ").replace("their", "its")
    return f"{name}: {count} {what} ({shown})"
