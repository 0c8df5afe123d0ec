"""Detections and maps in files as a pool: reduced when they are opened."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from uwe._types import Progress
from uwe.dense import Reduced, Reduction
from uwe.errors import InputError
from uwe.pool_files.container import Container
from uwe.pool_files.detections import Detections, open_detections
from uwe.pool_files.maps import is_map, open_maps
from uwe.pool_files.place_pools import Places, place_pool

__all__ = ["is_detections", "is_map_folder", "open_outputs"]

_log = logging.getLogger("uwe.pool_files")

_RESULTS = ".json"
_AXES = 3


def is_detections(path: Path) -> bool:
    """Whether a name is that of results in COCO's form."""
    return path.suffix.lower() == _RESULTS and not path.is_dir()


def is_map_folder(path: Path, names: frozenset[str]) -> bool:
    """Whether a folder holds a map for each image, not arrays of a pool.

    Args:
        path: of the folder.
        names: that arrays of a pool have.
    """
    files = sorted(filter(is_map, path.iterdir())) if path.is_dir() else []
    if not files or any(file.suffix == ".npy" and file.stem in names for file in files):
        return False
    first = files[0]
    return first.suffix.lower() != ".npy" or _axes(first) == _AXES


def _axes(path: Path) -> int:
    try:
        return int(np.load(path, mmap_mode="r", allow_pickle=False).ndim)
    except (OSError, ValueError, EOFError):  # said when it is read
        return 0


def open_outputs(
    path: Path,
    reduction: Reduction | None = None,
    images: Path | None = None,
    progress: Progress | None = None,
    found: Detections | None = None,
) -> Container:
    """The pool of a file of detections, or of a folder of maps.

    Args:
        path: results in COCO's form, or a folder of ``.npy`` and ``.npz`` files.
        reduction: how places become a row; None: the default.
        images: of detections, as for `open_detections`.
        progress: called with a `Stage` after each image.
        found: the detections of ``path``, if they are read already.

    Raises:
        InputError: an option does not fit.
        DataError: a file cannot be read, or holds something else.
    """
    reduction = reduction or Reduction()
    if is_detections(path):
        read = open_detections(path, images) if found is None else found
        pool = _of_detections(read, reduction, progress)
    else:
        if images is not None:
            raise InputError(f"--image-list is for detections in a .json, and {path} holds none")
        maps = open_maps(path)
        rows = maps.each(reduction.given, reduction.of)
        pool = place_pool(reduction, rows, maps.ids, len(maps), progress)
    for note in pool.notes:
        _log.info("%s", note, extra={"screen": True})
    return _container(path, pool)


def _of_detections(found: Detections, reduction: Reduction, progress: Progress | None) -> Places:
    """Places are objects; features are their scores in the columns of their classes."""
    if reduction.given != "probs" or reduction.axes != "hwc":
        raise InputError(
            f"given and axes are for maps; the scores in {found.path} are probabilities, so leave "
            "them out"
        )
    if reduction.background is not None and reduction.background >= len(found.names):
        raise InputError(
            f"background is class {reduction.background}, but {found.path} has "
            f"{len(found.names)} classes"
        )

    def rows() -> Iterator[Reduced]:
        for name, each in found.by_image.items():
            yield reduction.of(name, each.scores[:, None], found.features(name), each.classes)

    return place_pool(reduction, rows(), found.ids, len(found), progress)


def _container(path: Path, pool: Places) -> Container:
    arrays: dict[str, Any] = {"features": pool.features, "uncertainty": pool.uncertainty}
    read = partial(dict.__getitem__, arrays)
    return Container(path, (*arrays, "ids"), read, read, lambda _: list(pool.ids), weighted=True)
