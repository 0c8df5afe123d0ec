"""What the rest of the project knows about data: two splits of labelled images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np

from uwe._types import Images, Labels
from uwe.errors import DataError, InputError

__all__ = ["IMAGENET", "Dataset", "Preparation", "Split", "fingerprint_of"]


@dataclass(frozen=True)
class Split:
    """Images and their labels, in a fixed order.

    Attributes:
        x: uint8 ``[n, height, width, channels]``, often memory-mapped.
        y: int64 ``[n]``, class numbers.
    """

    x: Images
    y: Labels

    def __len__(self) -> int:
        return len(self.y)

    def first(self, rows: int | None) -> Split:
        """Keep the first ``rows`` rows; all of them if ``rows`` is None."""
        return self if rows is None else Split(self.x[:rows], self.y[:rows])


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


IMAGENET = Preparation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), flip=True, batch=64)


@dataclass(frozen=True)
class Dataset:
    """A named data set: a pool to label from, and rows to test on.

    ``train.y`` is read by the simulated oracle and by the measurements only.

    Attributes:
        name: as on the command line.
        train: the pool.
        test: the rows that accuracies are measured on.
        classes: class names; a label is a position in it.
        preparation: channel statistics and augmentation.
        ids: what a person would call each pool row: a file name, or the row number.
        fingerprint: of the pixels and labels of both splits, before any row was left out.
        notes: what a user should know about how the data came to be, for the log.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    preparation: Preparation
    ids: tuple[str, ...]
    fingerprint: str
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        _check_split("training", self.train, len(self.classes))
        _check_split("test", self.test, len(self.classes))
        if len(self.ids) != len(self.train):
            raise DataError(f"{self.name}: {len(self.ids)} ids for {len(self.train)} training rows")
        if self.train.x.shape[1:] != self.test.x.shape[1:]:
            raise DataError(
                f"{self.name}: training images are {self.train.x.shape[1:]} and test images "
                f"{self.test.x.shape[1:]}; give --image-size N to make them equal"
            )
        if len(self.classes) < 2:
            raise DataError(
                f"{self.name} has one class only, {self.classes[0]!r}; "
                "there is nothing to tell apart"
            )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.train.x.shape[1:]
        return height, width, channels

    def limited(self, pool_size: int | None, test_size: int | None) -> Dataset:
        """Keep the first ``pool_size`` training and ``test_size`` test rows (None: all).

        Raises:
            InputError: more rows are asked for than there are.
        """
        _check_limit("pool size", pool_size, len(self.train), self.name)
        _check_limit("test size", test_size, len(self.test), self.name)
        return replace(
            self,
            train=self.train.first(pool_size),
            test=self.test.first(test_size),
            ids=self.ids[:pool_size],
        )


def fingerprint_of(train: Split, test: Split, classes: tuple[str, ...]) -> str:
    """Hash pixels, labels and class names of both splits; 32 hexadecimal digits."""
    digest = hashlib.blake2b("\0".join(classes).encode(), digest_size=16)
    for array in (train.x, train.y, test.x, test.y):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _check_split(which: str, split: Split, classes: int) -> None:
    if split.x.ndim != 4 or split.x.dtype != np.uint8:
        raise DataError(
            f"{which} images must be uint8 [n, height, width, channels], "
            f"not {split.x.dtype} {split.x.shape}"
        )
    if len(split.x) != len(split.y):
        raise DataError(f"{len(split.x)} {which} images, but {len(split.y)} labels")
    if len(split.y) == 0:
        raise DataError(f"there are no {which} rows")
    low, high = int(split.y.min()), int(split.y.max())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        row = int(np.flatnonzero(split.y == wrong)[0])
        raise DataError(
            f"label {wrong} of {which} row {row} is outside the {classes} classes "
            f"(0 to {classes - 1})"
        )


def _check_limit(what: str, wanted: int | None, there: int, name: str) -> None:
    if wanted is None:
        return
    if wanted < 1:
        raise InputError(f"{what} is {wanted}; it must be at least 1")
    if wanted > there:
        raise InputError(f"{what} is {wanted}, but {name} has {there} rows")
