"""Masks in a folder beside the images: one file an image, whose pixels are class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from uwe.data.dense.annotations import Annotations, LazyTarget, Way
from uwe.data.dense.layout import Place, class_names, image_of_each
from uwe.data.dense.rows import GivenMask
from uwe.data.image_files import find_images
from uwe.data.images import decode_mask
from uwe.data.request import Request

__all__ = ["MASK_FILES"]

_FOLDER = "masks"


def _files(place: Place) -> list[Path]:
    folder = place.folder(_FOLDER)
    return find_images(folder).files if folder.is_dir() else []


def _read(places: Sequence[Place], request: Request) -> Annotations:
    del request
    named = class_names(places)
    return Annotations(None if named is None else named[1], [_of_split(place) for place in places])


def _of_split(place: Place) -> dict[int, LazyTarget]:
    found = image_of_each(place, _files(place), place.folder(_FOLDER), "mask")
    return {row: partial(_mask, path, place.shown(path)) for path, row in found.items()}


def _mask(path: Path, name: str) -> GivenMask:
    return GivenMask(name, decode_mask(path, name))


MASK_FILES = Way("masks", "masks/", _files, _read)
