"""What the rest of the project knows about data: a pool and test rows, and the task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from uwe._types import Images
from uwe.data.labels import as_targets, checked_targets, classes_of, plain_labels
from uwe.data.splits import (
    IMAGE_AXES,
    UNPREPARED,
    Preparation,
    Split,
    check_limits,
    fingerprint_of,
    row_count,
)
from uwe.errors import DataError
from uwe.tables import as_ids, checked_ids
from uwe.tables.frames import as_array, is_column, is_frame, require_same_order
from uwe.tasks import Array, Masks, Task, as_task
from uwe.tasks.masks import HeldMasks

__all__ = ["Dataset"]


@dataclass(frozen=True, repr=False)
class Dataset:
    """A named data set: a pool to label from, and rows to test on.

    ``train.y`` holds none, some or all of the pool's labels. The simulated oracle reads them, and
    nothing else does.

    Attributes:
        name: as on the command line.
        train: the pool.
        test: the rows that metrics are measured on; none for a pool that people label.
        task: what is learnt, with the names of the classes.
        preparation: channel statistics and augmentation.
        ids: what a person would call each pool row: a file name, or the row number.
        fingerprint: of the rows and labels of both splits.
        notes: what a user should know about how the data came to be, for the log.
    """

    name: str
    train: Split
    test: Split
    task: Task
    preparation: Preparation
    ids: Sequence[str]
    fingerprint: str
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for which, split in (("training", self.train), ("test", self.test)):
            if self.preparation != UNPREPARED:
                _check_images(which, split)
            _check_split(which, split)
            checked = Split(split.x, checked_targets(which, split.y, self.task))
            object.__setattr__(self, _FIELDS[which], checked)
        _check_known(self.test, self.task)
        if not len(self.train):
            raise DataError("there are no training rows")
        if len(self.ids) != len(self.train):
            raise DataError(f"{self.name}: {len(self.ids)} ids for {len(self.train)} training rows")
        if len(self.test) and self.train.x.shape[1:] != self.test.x.shape[1:]:
            raise DataError(
                f"{self.name}: training images are {self.train.x.shape[1:]} and test images "
                f"{self.test.x.shape[1:]}; give --image-size N to make them equal"
            )
        _check_classes(self.name, self.task)
        if self.preparation != UNPREPARED:
            _check_preparation(self)

    def __repr__(self) -> str:
        known = int(self.task.targets.known(self.train.y).sum())
        return (
            f"Dataset({self.name!r}, {self.task.name}: {len(self.train):,} pool rows, "
            f"{known:,} of them labelled, {len(self.test):,} test rows)"
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; empty where there are none."""
        return self.task.classes

    @classmethod
    def from_arrays(
        cls,
        name: str,
        train: tuple[Images, Any],
        test: tuple[Images, Any] | None = None,
        *,
        classes: Sequence[str] | None = None,
        task: str | Task = "classification",
        preparation: Preparation | None = None,
    ) -> Dataset:
        """A data set of your own arrays of images.

        Args:
            name: for file names.
            train: uint8 images ``[n, height, width, channels]`` and their labels, as in
                `from_rows`.
            test: likewise; None for a pool without test rows.
            classes: their names; by default the numbers from 0 to the largest label.
            task: a name or a value.
            preparation: by default the channels' own mean and deviation, and no augmentation.

        Raises:
            DataError: shapes, types or labels do not fit.

        >>> x, y = np.zeros((4, 8, 8, 1), np.uint8), np.array([0, 1, 0, 1])
        >>> Dataset.from_arrays("mine", (x, y), (x, y)).classes
        ('0', '1')
        """
        pairs = _pairs(train, test)
        splits = [Split(np.asarray(x), y) for x, y in pairs]
        for which, split in zip(_FIELDS, splits, strict=False):
            _check_images(which, split)
        shown = preparation or _own_statistics(splits[0].x)
        return cls._made(name, splits, classes, task, preparation=shown)

    @classmethod
    def from_rows(
        cls,
        name: str,
        train: tuple[Any, Any],
        test: tuple[Any, Any] | None = None,
        *,
        classes: Sequence[str] | None = None,
        task: str | Task = "classification",
        ids: Sequence[str] | None = None,
        notes: Sequence[str] = (),
    ) -> Dataset:
        """A data set of rows of any kind, for a learner of your own: numbers, text, sparse rows.

        Args:
            name: for file names.
            train: rows ``[n, ...]``, an array or a sparse matrix that takes row numbers as an
                index, a frame of pandas or polars, whose rows are taken by position, or a list of
                texts; and labels: class numbers ``[n]`` (-1 is missing), or a
                list of class names and None; flags ``[n, c]``, or a list of lists of names;
                numbers ``[n]`` (NaN is missing); class numbers of pixels uint8 ``[n, h, w]``;
                a list of `uwe.tasks.Boxes` and None; or None where no row has a label.
            test: likewise, and every row has a label; None for a pool without test rows.
            classes: their names; by default the numbers from 0 to the largest label, or the names
                that occur.
            task: a name or a value.
            ids: what a person would call each pool row; by default its number.
            notes: for the log.

        Raises:
            DataError: lengths or labels do not fit; an id is empty or repeats.
            InputError: rows and labels of pandas have different indices.

        >>> train, test = (["a", "b"], np.array([0, 1])), (["c"], np.array([1]))
        >>> Dataset.from_rows("mine", train, test)
        Dataset('mine', classification: 2 pool rows, 2 of them labelled, 1 test rows)
        >>> Dataset.from_rows("mine", (["a", "b", "c"], ["crow", None, "rook"])).train.y
        array([ 0, -1,  1])
        """
        pairs = _pairs(train, test)
        splits = [
            Split(_as_rows(which, x), y) for which, (x, y) in zip(_FIELDS, pairs, strict=False)
        ]
        return cls._made(
            name, splits, classes, task, preparation=UNPREPARED, ids=ids, notes=tuple(notes)
        )

    @classmethod
    def _made(
        cls,
        name: str,
        given: Sequence[Split],
        classes: Sequence[str] | None,
        task: str | Task,
        *,
        preparation: Preparation,
        ids: Sequence[str] | None = None,
        notes: tuple[str, ...] = (),
    ) -> Dataset:
        """The data set of splits whose labels are as their owner has them."""
        if isinstance(task, Task):
            if classes is not None and tuple(classes) != task.classes:
                raise DataError(
                    f"{name}: classes are {list(classes)}, but those of the task are "
                    f"{list(task.classes)}; leave classes out"
                )
            found = task
        else:
            labels = [split.y for split in given if split.y is not None]
            found = as_task(task, classes_of(labels, task) if classes is None else classes)
        splits = [
            Split(split.x, as_targets(which, split.y, row_count(split.x), found))
            for which, split in zip(_FIELDS, given, strict=False)
        ]
        found = _reading(found, splits)
        if len(splits) == 1:
            none = np.zeros(0, dtype=np.int64)
            splits.append(Split(splits[0].x[none], splits[0].y[none]))
        return cls(
            name,
            splits[0],
            splits[1],
            task=found,
            preparation=preparation,
            ids=tuple(map(str, range(len(splits[0])))) if ids is None else _ids(ids),
            fingerprint=fingerprint_of(splits[0], splits[1], found.classes),
            notes=notes,
        )

    def answerable(self) -> Dataset:
        """The data set for a simulation: a note says how many rows without a label are left out.

        Raises:
            DataError: no row of the pool has a label, or there are no test rows.
        """
        known = self.task.targets.known(self.train.y)
        if not known.any():
            raise DataError(
                f"{self.name} has no labels, so no oracle can be simulated; 'uwe init' makes a "
                "project in which people label it"
            )
        if not len(self.test):
            raise DataError(f"{self.name} has no test rows, so nothing can be measured")
        if known.all():
            return self
        train = self.train.only(known)
        left_out = len(known) - int(known.sum())
        return replace(
            self,
            train=train,
            ids=tuple(self.ids[int(row)] for row in np.flatnonzero(known)),
            fingerprint=fingerprint_of(train, self.test, self.classes),
            notes=(
                *self.notes,
                f"{self.name}: {left_out:,} of {len(known):,} pool rows have no label and are left "
                "out of the simulation",
            ),
        )

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


_LEAST_CLASSES = 2


def _reading(task: Task, splits: Sequence[Split]) -> Task:
    """The task; the pixels of masks are those in memory where nothing else says where they are."""
    targets = task.targets
    if not isinstance(targets, Masks) or targets.read_one is not None:
        return task
    held = HeldMasks.of(*(split.y for split in splits))
    return replace(task, targets=replace(targets, read_one=held))


_FIELDS = {"training": "train", "test": "test"}


def _own_statistics(x: Images) -> Preparation:
    """Mean and deviation of each channel in 0..1; a constant channel has deviation 1."""
    channels = x.reshape(-1, x.shape[3])
    mean, std = channels.mean(0) / 255, channels.std(0) / 255
    return Preparation(tuple(mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist()))


def _pairs(train: tuple[Any, Any], test: tuple[Any, Any] | None) -> list[tuple[Any, Any]]:
    """Rows and plain labels of the splits that are given; those of pandas are of the same rows."""
    pairs = [train] if test is None else [train, test]
    for which, pair in zip(_FIELDS, pairs, strict=False):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise DataError(f"{which} rows and labels must be a pair (x, y), not {_kind(pair)}")
    for which, (x, y) in zip(_FIELDS, pairs, strict=False):
        require_same_order({f"{which} rows": x, f"{which} labels": y})
    return [(x, plain_labels(y)) for x, y in pairs]


def _kind(value: Any) -> str:
    size = f" of {len(value)}" if hasattr(value, "__len__") else ""
    return f"a {type(value).__name__}{size}"


def _as_rows(which: str, x: Any) -> Any:
    """Arrays and sparse matrices as they are; texts as an array of objects."""
    if not hasattr(x, "shape") and not hasattr(x, "__len__"):
        raise DataError(f"{which} rows must be an array or a list, not {_kind(x)}")
    if is_frame(x) or is_column(x) or hasattr(x, "detach"):
        x = as_array(x)
        if x.ndim == 2 and x.shape[1] == 1 and x.dtype.kind not in "biufc":
            x = x[:, 0]  # one column of texts
    elif isinstance(x, list | tuple) and x and isinstance(x[0], list | tuple | np.ndarray):
        x = _stacked(which, x)
    if hasattr(x, "shape") and x.dtype.kind not in "UO":
        return x
    if getattr(x, "ndim", 1) == 1:
        _require_texts(which, x)
    if hasattr(x, "shape") and x.dtype.kind == "O":
        return x
    texts = np.empty(len(x), dtype=object)
    texts[:] = list(x)
    return texts


def _stacked(which: str, rows: Sequence[Any]) -> Array:
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise DataError(f"{which} rows differ in length; give each as many numbers") from error


def _require_texts(which: str, texts: Sequence[Any]) -> None:
    """Refuse a text that is missing among texts; what is no text may be anything."""
    missing = [row for row, text in enumerate(texts) if text is None or text != text]
    if missing and any(isinstance(text, str) for text in texts):
        raise DataError(f"{which} row {missing[0]} has no text (the first such row); leave it out")


def _ids(ids: Iterable[Any]) -> tuple[str, ...]:
    return tuple(checked_ids(as_ids(ids, "ids"), "ids"))


def _check_preparation(dataset: Dataset) -> None:
    channels = dataset.image_shape[2]
    lengths = (len(dataset.preparation.mean), len(dataset.preparation.std))
    if lengths != (channels, channels):
        raise DataError(
            f"{dataset.name}: images of {channels} channels, but {lengths[0]} means and "
            f"{lengths[1]} deviations"
        )


_CHANNELS = (1, 3, 4)  # of grey, colour, and colour with transparency


def _check_images(which: str, split: Split) -> None:
    if split.x.ndim != 4 or split.x.dtype != np.uint8:
        raise DataError(
            f"{which} images must be uint8 [n, height, width, channels], "
            f"not {split.x.dtype} {split.x.shape}"
        )
    if split.x.shape[1] in _CHANNELS and split.x.shape[3] not in _CHANNELS:
        raise DataError(
            f"{which} images of shape {split.x.shape} seem to have their channels before height "
            "and width; give [n, height, width, channels], as x.transpose(0, 2, 3, 1) makes them"
        )


def _check_split(which: str, split: Split) -> None:
    rows = row_count(split.x)
    if rows != len(split.y):
        what = "images" if split.x.ndim == IMAGE_AXES else "rows"
        raise DataError(f"{rows} {which} {what}, but {len(split.y)} labels")


def _check_known(test: Split, task: Task) -> None:
    missing = np.flatnonzero(~task.targets.known(test.y))
    if len(missing):
        raise DataError(
            f"test row {missing[0]} has no label; nothing can be measured on it, so leave it out"
        )


def _check_classes(name: str, task: Task) -> None:
    """Two classes at least, where there are classes at all."""
    if "c" not in " ".join(task.outputs.values()).split() or len(task.classes) >= _LEAST_CLASSES:
        return
    if task.name != "classification" and task.classes:
        return
    found = f"one class only, {task.classes[0]!r}" if task.classes else "no classes"
    raise DataError(f"{name} has {found}; there is nothing to tell apart")
