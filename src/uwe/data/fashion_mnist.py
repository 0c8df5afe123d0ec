"""Fashion-MNIST: four idx files, or the hub."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from uwe._types import Images
from uwe.data.cache import load_cached, stamps
from uwe.data.dataset import Dataset
from uwe.data.hub import load_from_hub
from uwe.data.request import Request
from uwe.data.source import EncodedRows, Source, as_lazy, as_source
from uwe.data.splits import Preparation
from uwe.data.table import Columns
from uwe.errors import DataError

__all__ = ["load_fashion_mnist"]

_PREPARATION = Preparation(mean=(0.2860,), std=(0.3530,), crop_padding=2, flip=True, batch=256)
_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_HUB = "zalando-datasets/fashion_mnist"
_FILES = tuple(
    f"{split}-{kind}-ubyte"
    for split in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
)
_UNSIGNED_BYTES = 8
_MOST_BYTES = 2**28  # five times what the files hold


def load_fashion_mnist(request: Request) -> Dataset:
    """Fashion-MNIST: articles of clothing, grey, 28x28, 10 classes, 60,000 and 10,000 images.

    From ``--data-dir``, else from Debian's package dataset-fashion-mnist, else from the hub.

    Raises:
        DataError: its files are missing or broken.
    """
    places = request.places() if request.data_dir is not None else (_DEBIAN,)
    folder = next((place for place in places if any(_files(place))), None)
    if folder is not None:
        return _load_files(request, folder)
    if request.data_dir is None:
        columns = Columns("image", "label", mode="L")
        return load_from_hub(request, _HUB, lambda _: columns, _PREPARATION)
    raise DataError(
        f"fashion_mnist is not in {' or '.join(map(str, places))}; looked for "
        f"{', '.join(_FILES)} (or with .gz); get them from "
        "https://github.com/zalandoresearch/fashion-mnist or, on Debian, with "
        "apt-get install dataset-fashion-mnist and without --data-dir"
    )


def _files(folder: Path) -> list[Path | None]:
    """The four files, None where one is missing."""
    return [
        next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), None)
        for name in _FILES
    ]


def _load_files(request: Request, folder: Path) -> Dataset:
    found = _files(folder)
    missing = [name for name, file in zip(_FILES, found, strict=True) if file is None]
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)} (or with .gz); get all four "
            "files from github.com/zalandoresearch/fashion-mnist"
        )
    files = [file for file in found if file is not None]
    return load_cached(request, stamps(folder, files), lambda: _open(request, files), _PREPARATION)


def _open(request: Request, files: list[Path]) -> Source:
    return as_source(request, _CLASSES, _rows(*files[:2]), _rows(*files[2:]))


def _rows(images: Path, labels: Path) -> EncodedRows:
    pixels, y = read_idx(images, axes=3), read_idx(labels, axes=1)
    if len(pixels) != len(y):
        raise DataError(f"{images} has {len(pixels)} images, but {labels} has {len(y)} labels")
    return EncodedRows(
        y.astype(np.int64),
        tuple(map(str, range(len(y)))),
        lambda: as_lazy(pixels[..., None]),
    )


def read_idx(path: Path, *, axes: int) -> Images:
    """Read an idx file of bytes: two zeros, the type, the number of axes, sizes, content.

    Raises:
        DataError: it is damaged, or of another kind.
    """
    header_length = 4 + 4 * axes
    with _reading(path), _opened(path) as file:
        header = file.read(header_length)
        if header[:4] != bytes([0, 0, _UNSIGNED_BYTES, axes]) or len(header) < header_length:
            raise DataError(f"{path} is no idx file of bytes with {axes} axes; get the file again")
        shape = tuple(int(size) for size in np.frombuffer(header[4:], dtype=">u4"))
        expected = int(np.prod(shape, dtype=object))
        if expected > _MOST_BYTES:
            raise DataError(
                f"the header of {path} tells of {expected:,} bytes, more than {_MOST_BYTES:,}; get "
                "the file again"
            )
        content = file.read(expected + 1)
    if len(content) != expected:
        held = "more" if len(content) > expected else f"{len(content) + header_length}"
        raise DataError(
            f"{path} holds {held} bytes, but its header tells of {expected + header_length}; "
            "get the file again"
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _opened(path: Path) -> gzip.GzipFile | BinaryIO:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What goes wrong in reading, as one line."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}; get the file again") from error
