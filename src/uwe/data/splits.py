"""Rows and their targets, how images become the input of a network, and what identifies both."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from uwe._types import BoolArray, Images, Labels, Rows
from uwe.errors import InputError
from uwe.tasks import Array

__all__ = [
    "IMAGENET",
    "IMAGE_AXES",
    "UNPREPARED",
    "ImageRows",
    "Preparation",
    "Split",
    "check_limits",
    "fingerprint_of",
    "row_count",
    "rows_of",
]

IMAGE_AXES = 4


@dataclass(frozen=True)
class ImageRows:
    """Some rows of images that are read when they are asked for, never all at once.

    Attributes:
        x: uint8 ``[n, height, width, channels]``, often memory-mapped.
        rows: which of them, int64 ``[k]``.

    >>> ImageRows(np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1), np.array([3, 1]))[:1].item()
    3
    """

    x: Images
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Rows | slice) -> Images:
        taken: Images = self.x[self.rows[index]]
        return taken

    @property
    def nbytes(self) -> int:
        """Bytes of the rows."""
        return len(self) * int(np.prod(self.x.shape[1:])) * self.x.itemsize


def row_count(x: Any) -> int:
    """Number of rows; sparse matrices have no length."""
    n: int = x.shape[0] if hasattr(x, "shape") else len(x)
    return n


def rows_of(x: Any, rows: Rows) -> Any:
    """Some rows of a split: images are read when they are used, others are taken now."""
    is_images = isinstance(x, np.ndarray) and x.ndim == IMAGE_AXES and x.dtype == np.uint8
    return ImageRows(x, rows) if is_images else x[rows]


@dataclass(frozen=True)
class Split:
    """Rows and their targets, in a fixed order.

    Attributes:
        x: uint8 images ``[n, height, width, channels]``, often memory-mapped; or rows of any kind.
        y: targets in the form of the task: int64 class numbers ``[n]`` (-1 is missing), int8 flags
            ``[n, c]`` (a row of -1), float64 numbers ``[n]`` (NaN).
    """

    x: Any
    y: Array

    def __len__(self) -> int:
        return len(self.y)

    def first(self, rows: int | None) -> Split:
        """Keep the first ``rows`` rows; all of them if ``rows`` is None."""
        return self if rows is None else Split(self.x[:rows], self.y[:rows])

    def only(self, kept: BoolArray) -> Split:
        """Keep the marked rows."""
        return Split(self.x[kept], self.y[kept])


@dataclass(frozen=True)
class Preparation:
    """How images of a data set become the input of a network.

    Attributes:
        mean: of each channel, of values in 0..1.
        std: of each channel, likewise.
        crop_padding: training crops are taken from the image padded by this many zeros.
        flip: whether training images are mirrored at random.
        batch: rows in a training batch.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop_padding: int = 0
    flip: bool = False
    batch: int = 256


UNPREPARED = Preparation(mean=(), std=())
"""Of rows that are no images: a learner takes them as they are."""

IMAGENET = Preparation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), flip=True, batch=64)


def fingerprint_of(train: Split, test: Split, classes: tuple[str, ...]) -> str:
    """Hash pixels, labels and class names of both splits; 32 hexadecimal digits."""
    digest = hashlib.blake2b("\0".join(classes).encode(), digest_size=16)
    for array in (train.x, train.y, test.x, test.y):
        digest.update(f"{array.dtype}{array.shape}".encode())
        for part in _parts(array):
            digest.update(part)
    return digest.hexdigest()


def check_limits(
    name: str,
    classes: Sequence[str],
    y: Labels,
    test_rows: int,
    pool_size: int | None,
    test_size: int | None,
) -> None:
    """Check that so many first rows of a pool with labels ``y``, and test rows, can be kept.

    Raises:
        InputError: more rows are asked for than there are, or those kept are of one class.
    """
    _check_limit("pool size", pool_size, len(y), name)
    _check_limit("test size", test_size, test_rows, name)
    kept = y[:pool_size]
    of_classes = bool(classes) and y.ndim == 1 and y.dtype.kind in "iu" and kept[0] >= 0
    if of_classes and 1 < len(kept) < len(y) and len(np.unique(kept)) == 1:  # sorted by class
        raise InputError(
            f"the first {len(kept)} rows of the pool are all of class {classes[kept[0]]!r}; there "
            "is nothing to tell apart: choose a larger pool size"
        )


def _parts(array: Any) -> list[Any]:
    """The bytes of an array, of a sparse matrix by rows, or of texts."""
    if hasattr(array, "indptr"):
        return [np.ascontiguousarray(of).data for of in (array.data, array.indices, array.indptr)]
    if array.dtype == object:
        return [f"{len(text)} {text}".encode() for text in map(str, array.ravel())]
    return [np.ascontiguousarray(array).data]


def _check_limit(what: str, wanted: int | None, there: int, name: str) -> None:
    if wanted is None:
        return
    if wanted < 1:
        raise InputError(f"{what} is {wanted}; it must be at least 1")
    if wanted > there:
        raise InputError(f"{what} is {wanted}, but {name} has {there} rows")
