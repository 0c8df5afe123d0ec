"""The boxes or masks that a model gives the rows of a batch, kept beside the picks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from uwe._files import write_json
from uwe.errors import InputError
from uwe.project.pictures import Picture, as_picture, picture_in
from uwe.project.shapes import GivenShapes, MaskFiles, has_shapes
from uwe.selecting.items import Image, Item
from uwe.selecting.overlays import Drawn, DrawnBoxes, DrawnMask, classes_drawn, overlaid
from uwe.tasks import Boxes, Mask, Masks, Task

if TYPE_CHECKING:
    from uwe.project.files import ProjectFiles

__all__ = ["drawn_over", "drawn_preview", "drawn_shapes", "given_in", "write_given"]

_FORMAT = 1


def drawn_shapes(given: GivenShapes, task: Task, masks: MaskFiles, size: tuple[int, int]) -> Drawn:
    """Boxes or a mask, ready to be drawn.

    Args:
        given: of a row.
        task: what is labelled.
        masks: files of the project.
        size: width and height of the image.

    Raises:
        RunError: the file of a mask is missing or was changed.
    """
    if isinstance(task.targets, Masks):
        mask = Mask(str(given.value["mask"]), str(given.value["digest"]))
        return DrawnMask(masks.read(mask), task.classes, task.targets.ignore)
    boxes = Boxes.from_json(given.value)
    scores = list(given.scores) or None
    return DrawnBoxes(boxes.corners, boxes.classes.tolist(), task.classes, size, scores)


def write_given(path: Path, rows: Mapping[int, GivenShapes]) -> None:
    """Write what a model gives the rows of a batch."""
    write_json(path, {"format": _FORMAT, "rows": {str(row): of.record for row, of in rows.items()}})


def given_in(files: ProjectFiles, batches: Sequence[int], task: Task) -> dict[int, GivenShapes]:
    """What models gave the rows of some batches; nothing where a file is missing or was edited.

    Args:
        files: of the project.
        batches: their numbers, from 1.
        task: what is labelled; boxes of unknown classes are left out.
    """
    found: dict[int, GivenShapes] = {}
    for batch in batches if has_shapes(task) else ():
        try:
            rows = json.loads(files.given(batch).read_bytes())["rows"]
            found |= {
                int(row): each
                for row, of in rows.items()
                if _is_label(task, each := GivenShapes.of(of))
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return found


def _is_label(task: Task, given: GivenShapes) -> bool:
    try:
        task.targets.checked(task.targets.array([dict(given.value)]))
    except (InputError, LookupError, ValueError):
        return False
    return len(given.scores) in (0, len(given.value.get("classes", ())))


def drawn_over(picture: Picture, drawn: Drawn) -> Picture:
    """A picture with boxes or a mask over it."""
    from uwe.data.images import as_image, decode_image

    image = as_image(decode_image(picture.body, "RGB", "the image"))
    return as_picture(overlaid(image, drawn), lossless=picture.media == "image/png")


def drawn_preview(item: Item, drawn: Drawn) -> Item:
    """A preview with boxes or a mask over it; what is no picture stays as it is."""
    picture = picture_in(item)
    if picture is None:
        return item
    return Image(drawn_over(picture, drawn).url, classes_drawn(drawn))
