"""Images in a folder as the rows of a project: decoded once, into a file of the project."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from uwe._files import make_folder, write_whole
from uwe._types import Progress, Stage
from uwe.data import IMAGENET
from uwe.data.dense.fitting import fit_whole, fitted_size
from uwe.data.image_files import find_images, image_id
from uwe.data.images import decode_image, fit_image, size_of_image, upright_size
from uwe.data.request import check_image_size
from uwe.errors import DataError
from uwe.project.digests import chosen, digest, stamp
from uwe.project.ids import Names
from uwe.project.items import Items, no_column
from uwe.project.pictures import large_picture
from uwe.selecting.items import Image, Item, Text
from uwe.selecting.sheet import thumbnail

__all__ = ["check_images", "images_in", "unreadable"]

Size: TypeAlias = "tuple[int, int]"  # width, height


def images_in(folder: Path, side: int | None, *, is_whole: bool = False) -> Items:
    """The images in a folder and below; an id is the path below the folder.

    Args:
        folder: of the images.
        side: of the square that is learnt from; None for the images' own size.
        is_whole: whether images are not cropped: ``side`` is then their shorter side.

    Raises:
        InputError: the size is none that an image has.
        DataError: there are no images.
    """
    check_image_size(side)
    found = find_images(folder).required(folder)
    files = found.files
    names = [image_id(file, folder) for file in files]
    ids = Names(tuple(names))
    fitting = _WHOLE if is_whole else _SQUARE
    return Items(
        "images",
        ids,
        {name: stamp(file) for name, file in zip(names, files, strict=True)},
        lambda rows, n: [digest(files[row].read_bytes()) for row in chosen(rows, n)],
        lambda cache, progress: _decoded(files, cache, side, fitting, progress),
        lambda row: _preview(files[row]),
        no_column,
        preparation=IMAGENET,
        check=lambda: check_images(files, side, fitting.size),
        sample=lambda: next(_fitted(files, side, fitting))[None],
        picture=lambda row: large_picture(files[row]),
        size=lambda row: upright_size(files[row], names[row]),
        learnt_size=lambda row: fitting.size(upright_size(files[row], names[row]), side),
        notes=found.notes(folder),
    )


def _preview(file: Path) -> Item:
    """A small picture of an image, or why there is none."""
    try:
        return Image(thumbnail(file))
    except DataError as error:
        return Text(str(error))


def _decoded(
    files: Sequence[Path],
    cache: Path,
    size: int | None,
    fitting: _Fitting,
    progress: Progress | None,
) -> Any:
    """The images as an array on disk, decoded once for the same files and size."""
    key = digest(json.dumps([[str(file), *stamp(file)] for file in files]).encode())
    path = cache / f"images-{size or 'own'}{fitting.mark}-{key}.npy"
    if not path.is_file():
        make_folder(cache)
        write_whole(path, lambda out: _write_images(out, files, size, fitting, progress))
        for earlier in cache.glob("images-*.npy"):
            if earlier != path:
                earlier.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")


def _write_images(
    out: BinaryIO,
    files: Sequence[Path],
    size: int | None,
    fitting: _Fitting,
    progress: Progress | None,
) -> None:
    shape: tuple[int, ...] | None = None
    for at, image in enumerate(_fitted(files, size, fitting)):
        if shape is None:
            shape = image.shape
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(files), *shape)}
            np.lib.format.write_array_header_1_0(out, header)
        if image.shape != shape:
            raise DataError(
                f"images differ in size: {files[0].name} is {shape[1]}x{shape[0]}, "
                f"{files[at].name} is {image.shape[1]}x{image.shape[0]}; make the project with "
                "--image-size N"
            )
        out.write(np.ascontiguousarray(image).data)
        if progress is not None:
            progress(Stage("", 0, "decode images", at + 1, len(files)))


def _fitted(files: Sequence[Path], size: int | None, fitting: _Fitting) -> Iterator[Any]:
    for file in files:
        yield fitting.image(decode_image(file, "RGB", str(file)), size)


def unreadable(folder: Path, names: Iterable[str]) -> dict[int, str]:
    """Why some images below a folder cannot be opened, by row, as their headers tell."""
    found: dict[int, str] = {}
    for row, name in enumerate(names):
        try:
            size_of_image(folder / name, name)
        except DataError as error:
            found[row] = str(error)
    return found


@dataclass(frozen=True)
class _Fitting:
    """How images are brought to the size that is learnt from.

    Attributes:
        image: fits an image to a side.
        size: width and height of the fitted image.
        mark: in the names of files.
    """

    image: Callable[[Any, int | None], Any]
    size: Callable[[Size, int | None], Size]
    mark: str


def _square(size: Size, side: int | None) -> Size:
    return size if side is None else (side, side)


_SQUARE = _Fitting(fit_image, _square, "")
_WHOLE = _Fitting(fit_whole, fitted_size, "-whole")


def check_images(
    files: Sequence[Path], size: int | None, fitted: Callable[[Size, int | None], Size] = _square
) -> None:
    """Check by their headers that images can be opened, and have one size where that is needed.

    Args:
        files: of the images.
        size: that they are brought to; None: their own.
        fitted: gives width and height of an image that is brought to a size.

    Raises:
        DataError: one cannot be opened, or two differ in size and no size is given.
    """
    first: tuple[int, int] | None = None
    for file in files:
        found = fitted(upright_size(file, str(file)), size)
        first = first or found
        if found != first:
            hint = (
                "; give --image-size N, such as --image-size 96"
                if size is None
                else (f" with the shorter side {size}; models of masks and boxes need one size")
            )
            raise DataError(
                f"images differ in size: {files[0].name} is {first[0]}x{first[1]}, {file.name} is "
                f"{found[0]}x{found[1]}{hint}"
            )
