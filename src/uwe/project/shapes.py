"""Boxes and masks as answers of a project: they fit their images, and masks are files of it."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._files import expanded, make_folder, write_bytes
from uwe._optional import optional
from uwe.data.images import decode_mask
from uwe.errors import DataError, InputError, RunError
from uwe.project.fitting import stretched
from uwe.project.items import Items
from uwe.project.outlines import Outlines, is_alike
from uwe.tasks import SHAPE_WIDGETS, Boxes, BoxTargets, Mask, Masks, Task, is_missing
from uwe.tasks.masks import beyond_classes, mask_digest

__all__ = [
    "MASK_NAME",
    "GivenShapes",
    "MaskFiles",
    "Shapes",
    "has_shapes",
    "label_in_json",
    "label_words",
    "with_masks",
]

Pixels: TypeAlias = npt.NDArray[np.uint8]
Size: TypeAlias = tuple[int, int]  # width, height

MASK_NAME = re.compile(r"[0-9]+-[0-9a-f]{32}\.png")
"""Names of the files of masks: the row, and the digest of the pixels."""

_LARGEST = 255  # of a pixel
_DETECTION = 6  # numbers of a detection
_DIGITS = 4  # after the point, of corners and scores: what other tools round is then the same
_ROUNDED = 1.0  # pixels by which other tools may round a box out of its image


def has_shapes(task: Task) -> bool:
    """Whether the labels of a task are boxes or masks."""
    return task.widget in SHAPE_WIDGETS


@dataclass(frozen=True)
class MaskFiles:
    """The masks of a project, a PNG file each.

    Attributes:
        folder: of the files.
    """

    folder: Path

    def read(self, mask: Mask) -> Pixels:
        """The pixels of a mask, uint8 ``[h, w]``.

        Raises:
            RunError: the file is missing, damaged, or not the one that was written.
        """
        path = self.folder / mask.name
        if MASK_NAME.fullmatch(mask.name) is None:
            raise RunError(f"{mask.name!r} is no mask of {self.folder}; restore the journal")
        try:
            pixels: Pixels = decode_mask(path, mask.name)
        except DataError as error:
            raise RunError(f"{error}; restore {path} from a copy") from error
        if mask_digest(pixels) != mask.digest:
            raise RunError(f"{path} was changed since it was recorded; restore it from a copy")
        return pixels

    def has(self, mask: Mask) -> bool:
        """Whether there is a file of that name."""
        return MASK_NAME.fullmatch(mask.name) is not None and (self.folder / mask.name).is_file()

    def write(self, row: int, pixels: Pixels) -> Mask:
        """Write the mask of a row, unless it is there already.

        Args:
            row: of the pool.
            pixels: class numbers uint8 ``[h, w]``.
        """
        digest = mask_digest(pixels)
        path = self.folder / f"{row}-{digest}.png"
        if not path.is_file():
            make_folder(self.folder)
            encoded = io.BytesIO()
            optional("PIL.Image", "masks").fromarray(pixels, "L").save(encoded, "PNG")
            write_bytes(path, encoded.getvalue())
        return Mask(path.name, digest)


def label_in_json(label: Any) -> Any:
    """A label in the types of JSON: a mask as the name of its file and its digest.

    >>> label_in_json(Mask("1-00ff.png", "00ff"))
    {'mask': '1-00ff.png', 'digest': '00ff'}
    """
    return {"mask": label.name, "digest": label.digest} if isinstance(label, Mask) else label


def label_words(label: Any) -> str | None:
    """Boxes or a mask in a few words; None of any other label, and of a list without an entry.

    >>> label_words([{"class": "rbc", "xyxy": [0, 0, 1, 1]}] * 2)
    '2 boxes: 2 rbc'
    >>> label_words({"mask": "1-00ff.png", "digest": "00ff"})
    'a mask'
    """
    if isinstance(label, Mask) or (isinstance(label, Mapping) and "mask" in label):
        return "a mask"
    if not isinstance(label, list) or not label or not isinstance(label[0], Mapping):
        return None
    counts = Counter(str(box.get("class")) for box in label)
    listed = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    return f"{len(label):,} {'box' if len(label) == 1 else 'boxes'}: {listed}"


def with_masks(task: Task, folder: Path) -> Task:
    """The task, whose masks are read from the files of a project; any other task as it is.

    Args:
        task: what is labelled.
        folder: of the masks.
    """
    if not isinstance(task.targets, Masks):
        return task
    return replace(task, targets=replace(task.targets, read_one=MaskFiles(folder).read))


@dataclass(frozen=True)
class GivenShapes:
    """What a model gives one row.

    Attributes:
        value: the boxes or the mask, as the journal holds labels.
        scores: of the boxes, from 0 to 1; empty for a mask.
    """

    value: Mapping[str, Any]
    scores: tuple[float, ...] = ()

    @property
    def record(self) -> dict[str, Any]:
        """Values of JSON."""
        return {**self.value, **({"scores": list(self.scores)} if self.scores else {})}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> GivenShapes:
        """What `record` gave."""
        value = {name: each for name, each in record.items() if name != "scores"}
        return cls(value, tuple(map(float, record.get("scores", ()))))


@dataclass(frozen=True)
class Shapes:
    """Looks at boxes and masks before they become answers.

    Attributes:
        task: what is labelled.
        items: the pool, whose images say how large a mask must be.
        masks: files of the project.
    """

    task: Task
    items: Items
    masks: MaskFiles

    def prepared(self, row: int, label: Any) -> Any:
        """A label as the task's targets take it; masks are in their files then.

        Args:
            row: of the pool.
            label: of boxes, `Boxes`, a list of boxes or its JSON; of a mask, class numbers
                ``[h, w]``, a `Mask`, the path of a PNG file, or what the journal holds; of both,
                `Outlines`. Labels of other tasks stay as they are.

        Raises:
            InputError: a box or a mask does not fit the image, a class is unknown, or there is no
                such file of the project.
        """
        if is_missing(label):
            return label
        if isinstance(label, Outlines):
            size = self.items.size(row)
            label = label.label(self.task, size)
            if isinstance(label, np.ndarray) and size is not None:
                label = stretched(label, size)
        if isinstance(self.task.targets, BoxTargets):
            return self._boxes(row, _from_json(label))
        if isinstance(self.task.targets, Masks):
            return self._mask(row, _from_json(label))
        return label

    def given(self, row: int, said: Any, *, least: float) -> GivenShapes | None:
        """What a model says of a row as a label that a person can accept.

        A mask is stretched to its image, boxes are cut at its edges, and boxes without an area are
        left out.

        Args:
            row: of the pool.
            said: class numbers ``[h, w]``, or detections ``[k, 6]``: left, top, right, bottom,
                score, class; None: nothing.
            least: the smallest score of a box that is kept.
        """
        if said is None:
            return None
        size = self.items.size(row)
        if isinstance(self.task.targets, Masks):
            pixels = np.asarray(said, dtype=np.uint8)
            self._require_upright(row, pixels, size)
            self._require_classes(pixels)
            mask = self.masks.write(row, pixels if size is None else stretched(pixels, size))
            return GivenShapes({"mask": mask.name, "digest": mask.digest})
        found = np.asarray(said, dtype=np.float64).reshape(-1, _DETECTION).copy()
        if size is not None:
            found[:, :4] = found[:, :4].clip(0.0, [*size, *size])
        found = found[(found[:, 4] >= least) & (found[:, 2:4] > found[:, :2]).all(1)]
        boxes = Boxes(found[:, :4].round(_DIGITS), found[:, 5].astype(np.int64))
        self.task.targets.checked([boxes])
        scores = tuple(round(score, _DIGITS) for score in found[:, 4].tolist())
        return GivenShapes(boxes.as_json(), scores)

    def _boxes(self, row: int, label: Any) -> Boxes:
        encoded = self.task.targets.encode(label)
        boxes = Boxes.from_json(encoded)
        self.task.targets.checked([boxes])
        size = self.items.size(row)
        cut = boxes.corners if size is None else boxes.corners.clip(0.0, [*size, *size])
        leaves = np.any(abs(cut - boxes.corners) > _ROUNDED, axis=1)
        cut = cut.round(_DIGITS)
        has_area = (cut[:, 2:] > cut[:, :2]).all(1) & np.isfinite(cut).all(1)
        if (wrong := leaves | ~has_area).any():
            at = int(wrong.argmax())
            raise InputError(self._wrong_box(boxes, at, size if leaves[at] else None))
        return replace(boxes, corners=cut)

    def _wrong_box(self, boxes: Boxes, at: int, left: Size | None) -> str:
        """Why a box is refused: it leaves an image of the size ``left``, or has no area."""
        what = f"box {at + 1} ({self.task.classes[boxes.classes[at]]})"
        shown = f"[{', '.join(f'{each:g}' for each in boxes.corners[at].tolist())}]"
        if left is None:
            return f"{what} has no area: {shown}; remove it"
        return (
            f"{what} leaves the image of {left[0]}x{left[1]} pixels: {shown}; a box is left, top, "
            "right, bottom (xyxy) or left, top, width, height (xywh)"
        )

    def _mask(self, row: int, label: Any) -> Mask:
        if isinstance(label, Mapping):
            mask = self.task.targets.array([label])[0]
            if not self.masks.has(mask):
                raise InputError(
                    f"the project has no mask {mask.name!r}; give the path of a PNG of class "
                    "numbers, or tell a file of COCO or CVAT"
                )
            self._require_mask(row, self.masks.read(mask))
            return Mask(mask.name, mask.digest)
        pixels = _pixels_of(label)
        self._require_mask(row, pixels)
        return self.masks.write(row, pixels)

    def _require_upright(self, row: int, pixels: Pixels, size: Size | None) -> None:
        """Refuse a map of the form that the image would have if it were turned.

        Raises:
            InputError: it is such a map.
        """
        own = (pixels.shape[1], pixels.shape[0])
        if size is not None and not is_alike(own, size) and is_alike(own, size[::-1]):
            raise InputError(
                f"the map of {self.items.ids[row]} is {own[0]}x{own[1]}, and the image, turned as "
                f"the camera says, is {size[0]}x{size[1]}; give the model upright images"
            )

    def _require_mask(self, row: int, pixels: Pixels) -> None:
        """Refuse a mask of another size than its image, and one with unknown classes.

        Raises:
            InputError: it is such a mask.
        """
        size = self.items.size(row)
        height, width = pixels.shape
        if size is not None and size != (width, height):
            raise InputError(
                f"the mask is {width}x{height} pixels, and the image {size[0]}x{size[1]}; write "
                "the mask in the size of the image"
            )
        self._require_classes(pixels)

    def _require_classes(self, pixels: Pixels) -> None:
        """Refuse class numbers that are unknown.

        Raises:
            InputError: one is.
        """
        classes = len(self.task.classes)
        wrong = beyond_classes(pixels, classes, getattr(self.task.targets, "ignore", None))
        if wrong is not None:
            raise InputError(
                f"{wrong[1]:,} pixels of the mask have the value {wrong[0]}, and there are "
                f"{classes} classes (0 to {classes - 1}); the task's option ignore names a value "
                "that counts nowhere"
            )


def _from_json(label: Any) -> Any:
    """The value of a label that is JSON in a cell; any other as it is."""
    if not isinstance(label, str) or not label.lstrip().startswith(("[", "{")):
        return label
    try:
        return json.loads(label)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"a label must be JSON, and {label[:60]!r} cannot be read ({error})"
        ) from error


def _pixels_of(label: Any) -> Pixels:
    """Class numbers ``[h, w]`` of a mask that is given.

    Raises:
        InputError: it is none.
    """
    if isinstance(label, Mask) and label.pixels is not None:
        return label.pixels
    if isinstance(label, str | Path):
        try:
            return decode_mask(expanded(label), str(label))
        except DataError as error:
            raise InputError(str(error)) from error
    array = np.empty(0) if isinstance(label, Mask) else np.asarray(label)
    is_whole = array.dtype.kind in "iu" and array.ndim == 2 and array.size > 0
    if not is_whole or array.min() < 0 or array.max() > _LARGEST:
        raise InputError(
            "a mask must be class numbers from 0 to 255, an array [h, w] or the path of a PNG "
            f"file, not {type(label).__name__}"
        )
    return array.astype(np.uint8)
