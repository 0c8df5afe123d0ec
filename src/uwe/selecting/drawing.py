"""What a contact sheet draws over images of a pool: the boxes or the masks of the pool's model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uwe.errors import InputError
from uwe.selecting.overlays import Drawn, DrawnBoxes, DrawnMask

if TYPE_CHECKING:
    from uwe.dense import Reduction
    from uwe.selecting.sheet import Draws

__all__ = ["draws_of"]


def draws_of(
    path: Path,
    *,
    images: Path | None = None,
    reduction: Reduction | None = None,
    classes: Sequence[str] = (),
) -> Draws | None:
    """Draws the outputs of a model that are in files; None for a pool of another kind.

    Args:
        path: results of a detector in COCO's form, or a folder of maps.
        images: of detections, as for `uwe.pool_files.open_detections`.
        reduction: of maps, says whether they are probabilities, and their axes.
        classes: names of the classes of maps; numbers where there are none.

    Raises:
        InputError: ``classes`` is given, and the pool is none of maps.
        DataError: a file cannot be read.
    """
    from uwe.pool_files.dense_outputs import is_detections

    if path.is_dir():
        return _of_maps(path, reduction, classes)
    if classes:
        raise InputError(
            f"--classes names the classes of maps, but {path} is no folder of maps; --image-list "
            "names those of detections"
        )
    return _of_detections(path, images) if is_detections(path) else None


def _of_maps(path: Path, reduction: Reduction | None, classes: Sequence[str]) -> Draws:
    from uwe.dense import Reduction
    from uwe.pool_files import open_maps

    maps, form = open_maps(path), reduction or Reduction()

    def draws(name: str, size: tuple[int, int]) -> Drawn | None:
        del size
        if maps.read(name)[0].ndim != len(form.axes):  # scores of objects, whose places are unknown
            return None
        return DrawnMask(maps.predicted(name, form.given, form.axes), tuple(classes))

    return draws


def _of_detections(path: Path, images: Path | None) -> Draws:
    from uwe.pool_files import open_detections

    found = open_detections(path, images)

    def draws(name: str, size: tuple[int, int]) -> Drawn:
        its = found.by_image[name]
        rows = np.column_stack([its.corners, its.scores, its.classes])
        return DrawnBoxes.of_detections(rows, found.names, size)

    return draws
