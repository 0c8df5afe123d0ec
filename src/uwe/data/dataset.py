"""What the rest of the project knows about data: two splits of labelled images."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from uwe._types import Images, Labels, Rows
from uwe.errors import DataError, InputError
from uwe.tasks import Task, classification

__all__ = [
    "IMAGENET",
    "UNPREPARED",
    "Dataset",
    "ImageRows",
    "Preparation",
    "Split",
    "check_limits",
    "fingerprint_of",
    "row_count",
    "rows_of",
]


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
    is_images = isinstance(x, np.ndarray) and x.ndim == _IMAGE_AXES and x.dtype == np.uint8
    return ImageRows(x, rows) if is_images else x[rows]


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


UNPREPARED = Preparation(mean=(), std=())
"""Of rows that are no images: a learner takes them as they are."""

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
        fingerprint: of the pixels and labels of both splits.
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
        for which, split in (("training", self.train), ("test", self.test)):
            if self.preparation != UNPREPARED:
                _check_images(which, split)
            _check_split(which, split, len(self.classes))
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
        if self.preparation != UNPREPARED:
            _check_preparation(self)

    @classmethod
    def from_arrays(
        cls,
        name: str,
        train: tuple[Images, Labels],
        test: tuple[Images, Labels],
        *,
        classes: Sequence[str] | None = None,
        preparation: Preparation | None = None,
    ) -> Dataset:
        """A data set of your own arrays.

        Args:
            name: for file names.
            train: uint8 images ``[n, height, width, channels]`` and integer labels ``[n]``.
            test: likewise.
            classes: their names; by default the numbers from 0 to the largest label.
            preparation: by default the channels' own mean and deviation, and no augmentation.

        Raises:
            DataError: shapes, types or labels do not fit.

        >>> x, y = np.zeros((4, 8, 8, 1), np.uint8), np.array([0, 1, 0, 1])
        >>> Dataset.from_arrays("mine", (x, y), (x, y)).classes
        ('0', '1')
        """
        splits = [Split(np.asarray(x), _as_labels(y)) for x, y in (train, test)]
        for which, split in zip(("training", "test"), splits, strict=True):
            _check_images(which, split)
            _check_split(which, split, None)
        if classes is None:
            top = max(int(split.y.max()) for split in splits)
            classes = [str(number) for number in range(top + 1)]
        return cls(
            name,
            splits[0],
            splits[1],
            classes=tuple(classes),
            preparation=preparation or _own_statistics(splits[0].x),
            ids=tuple(str(row) for row in range(len(splits[0]))),
            fingerprint=fingerprint_of(splits[0], splits[1], tuple(classes)),
        )

    @classmethod
    def from_rows(
        cls,
        name: str,
        train: tuple[Any, Labels],
        test: tuple[Any, Labels],
        *,
        classes: Sequence[str] | None = None,
        ids: Sequence[str] | None = None,
        notes: Sequence[str] = (),
    ) -> Dataset:
        """A data set of rows of any kind, for a learner of your own: numbers, text, sparse rows.

        Args:
            name: for file names.
            train: rows ``[n, ...]``, an array or a sparse matrix that takes row numbers as an
                index, or a list of texts; and integer labels ``[n]``.
            test: likewise.
            classes: their names; by default the numbers from 0 to the largest label.
            ids: what a person would call each pool row; by default its number.
            notes: for the log.

        Raises:
            DataError: lengths or labels do not fit.

        >>> train, test = (["a", "b"], np.array([0, 1])), (["c"], np.array([1]))
        >>> Dataset.from_rows("mine", train, test).classes
        ('0', '1')
        """
        splits = [Split(_as_rows(x), _as_labels(np.asarray(y))) for x, y in (train, test)]
        for which, split in zip(("training", "test"), splits, strict=True):
            _check_split(which, split, None)
        top = max(int(split.y.max()) for split in splits)
        names = tuple(classes) if classes is not None else tuple(map(str, range(top + 1)))
        return cls(
            name,
            splits[0],
            splits[1],
            classes=names,
            preparation=UNPREPARED,
            ids=tuple(ids) if ids is not None else tuple(map(str, range(len(splits[0])))),
            fingerprint=fingerprint_of(splits[0], splits[1], names),
            notes=tuple(notes),
        )

    @property
    def task(self) -> Task:
        """What is learnt."""
        return classification(self.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image.

        Raises:
            DataError: the rows are no images.
        """
        if self.preparation == UNPREPARED:
            raise DataError(
                f"the rows of {self.name} are no images, which this model needs; choose a model "
                "for tables and texts, such as sklearn:logistic"
            )
        height, width, channels = self.train.x.shape[1:]
        return height, width, channels

    def limited(self, pool_size: int | None, test_size: int | None) -> Dataset:
        """Keep the first ``pool_size`` training and ``test_size`` test rows (None: all).

        Raises:
            InputError: more rows are asked for than there are, or those kept are of one class.
        """
        check_limits(self.name, self.classes, self.train.y, len(self.test), pool_size, test_size)
        train, test = self.train.first(pool_size), self.test.first(test_size)
        if (len(train), len(test)) == (len(self.train), len(self.test)):
            return self
        return replace(
            self,
            train=train,
            test=test,
            ids=self.ids[:pool_size],
            fingerprint=fingerprint_of(train, test, self.classes),
        )


_IMAGE_AXES = 4


def _as_labels(y: Labels) -> Labels:
    """Integers of any width as int64; what is no integer is left for the check."""
    labels = np.asarray(y)
    return labels.astype(np.int64) if labels.dtype.kind in "iu" else labels


def _own_statistics(x: Images) -> Preparation:
    """Mean and deviation of each channel in 0..1; a constant channel has deviation 1."""
    channels = x.reshape(-1, x.shape[3])
    mean, std = channels.mean(0) / 255, channels.std(0) / 255
    return Preparation(tuple(mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist()))


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
    if 1 < len(kept) < len(y) and len(np.unique(kept)) == 1:  # as when rows are sorted by class
        raise InputError(
            f"the first {len(kept)} rows of the pool are all of class {classes[kept[0]]!r}; there "
            "is nothing to tell apart: choose a larger pool size"
        )


def fingerprint_of(train: Split, test: Split, classes: tuple[str, ...]) -> str:
    """Hash pixels, labels and class names of both splits; 32 hexadecimal digits."""
    digest = hashlib.blake2b("\0".join(classes).encode(), digest_size=16)
    for array in (train.x, train.y, test.x, test.y):
        digest.update(f"{array.dtype}{array.shape}".encode())
        for part in _parts(array):
            digest.update(part)
    return digest.hexdigest()


def _as_rows(x: Any) -> Any:
    """Arrays and sparse matrices as they are; texts as an array of objects."""
    if hasattr(x, "shape") and x.dtype.kind != "U":
        return x
    texts = np.empty(len(x), dtype=object)
    texts[:] = list(x)
    return texts


def _parts(array: Any) -> list[Any]:
    """The bytes of an array, of a sparse matrix by rows, or of texts."""
    if hasattr(array, "indptr"):
        return [np.ascontiguousarray(of).data for of in (array.data, array.indices, array.indptr)]
    if array.dtype == object:
        return [f"{len(text)} {text}".encode() for text in map(str, array)]
    return [np.ascontiguousarray(array).data]


def _check_preparation(dataset: Dataset) -> None:
    channels = dataset.image_shape[2]
    lengths = (len(dataset.preparation.mean), len(dataset.preparation.std))
    if lengths != (channels, channels):
        raise DataError(
            f"{dataset.name}: images of {channels} channels, but {lengths[0]} means and "
            f"{lengths[1]} deviations"
        )


def _check_images(which: str, split: Split) -> None:
    if split.x.ndim != 4 or split.x.dtype != np.uint8:
        raise DataError(
            f"{which} images must be uint8 [n, height, width, channels], "
            f"not {split.x.dtype} {split.x.shape}"
        )


def _check_split(which: str, split: Split, classes: int | None) -> None:
    if split.y.ndim != 1 or split.y.dtype != np.int64:
        raise DataError(f"{which} labels must be int64 [n], not {split.y.dtype} {split.y.shape}")
    if split.x.shape[0] != len(split.y):
        what = "images" if split.x.ndim == _IMAGE_AXES else "rows"
        raise DataError(f"{split.x.shape[0]} {which} {what}, but {len(split.y)} labels")
    if len(split.y) == 0:
        raise DataError(f"there are no {which} rows")
    low, high = int(split.y.min()), int(split.y.max())
    classes = high + 1 if classes is None else classes
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
