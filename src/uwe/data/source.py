"""Rows whose images are not decoded yet, and how one split becomes two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import compress
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._types import Images, Labels, Stage
from uwe.data.images import fit_image
from uwe.data.request import Request
from uwe.data.splits import check_limits
from uwe.errors import DataError

__all__ = [
    "EncodedRows",
    "LazyImage",
    "Source",
    "as_lazy",
    "as_source",
    "class_name",
    "fitted",
    "held_out",
]

LazyImage: TypeAlias = Callable[[], Images]
"""An image that is not decoded before it is called: uint8 ``[height, width, channels]``."""

Mask: TypeAlias = npt.NDArray[np.bool_]  # [n]

_ROWS_A_REPORT = 256


@dataclass(frozen=True)
class EncodedRows:
    """Labelled rows whose images are not decoded yet.

    Attributes:
        y: int64 ``[n]``, class numbers.
        ids: ``n`` names that a person would know the rows by.
        images: gives the n images one after another.
    """

    y: Labels
    ids: tuple[str, ...]
    images: Callable[[], Iterator[LazyImage]]

    def __len__(self) -> int:
        return len(self.y)

    def only(self, kept: Mask) -> EncodedRows:
        """The marked rows; images of others are never decoded."""
        return EncodedRows(
            self.y[kept], tuple(compress(self.ids, kept)), lambda: compress(self.images(), kept)
        )


@dataclass(frozen=True)
class Source:
    """A data set whose images are not decoded yet.

    Attributes:
        rows: of both splits.
        is_test: bool ``[n]``, which of them are the test split.
        classes: class names; a label is a position in it.
        notes: for ``Dataset.notes``.
    """

    rows: EncodedRows
    is_test: Mask
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_classes()
        self._check_labels()
        tests = int(self.is_test.sum())
        if not tests or tests == len(self.rows):
            raise DataError(
                f"of {len(self.rows)} rows {tests} are test rows and {len(self.rows) - tests} "
                "training rows; neither split may be empty"
            )

    def __len__(self) -> int:
        return len(self.rows)

    def _check_classes(self) -> None:
        if len(self.classes) < 2:
            found = ", ".join(map(repr, self.classes)) or "none"
            raise DataError(f"at least two classes are needed to tell apart; there is {found}")

    def _check_labels(self) -> None:
        wrong = np.flatnonzero((self.rows.y < -1) | (self.rows.y >= len(self.classes)))
        if wrong.size:
            row = int(wrong[0])
            raise DataError(
                f"label {self.rows.y[row]} of {self.name_of(row)} is outside the "
                f"{len(self.classes)} classes (0 to {len(self.classes) - 1}); "
                "repair or remove the row"
            )

    def limited(self, request: Request) -> Source:
        """Keep the first rows of each split, as many as are asked for.

        Raises:
            InputError: more are asked for than there are, or those kept are of one class.
        """
        if not request.is_limited:
            return self
        check_limits(
            request.name,
            self.classes,
            self.rows.y[~self.is_test],
            int(self.is_test.sum()),
            request.pool_size,
            request.test_size,
        )
        kept = np.zeros(len(self.rows), dtype=np.bool_)
        for split, limit in ((~self.is_test, request.pool_size), (self.is_test, request.test_size)):
            kept[np.flatnonzero(split)[:limit]] = True
        return replace(self, rows=self.rows.only(kept), is_test=self.is_test[kept])

    def name_of(self, row: int) -> str:
        """Name a row in an error."""
        return f"{'test' if self.is_test[row] else 'training'} row {self.rows.ids[row]!r}"


def class_name(path: Path, name: object) -> str:
    """The name of a class as a pickled file of Python 2 or 3 has it.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        text = name.decode() if isinstance(name, bytes) else str(name)
        text.encode()
    except UnicodeError as error:
        raise DataError(f"{path}: the class name {name!a} is not UTF-8; repair it") from error
    return text


def as_lazy(images: Iterable[Images]) -> Iterator[LazyImage]:
    """Images that lie in memory, in the form of those that are yet to be decoded."""
    for image in images:
        yield partial(np.asarray, image)


def as_source(
    request: Request,
    classes: tuple[str, ...],
    train: EncodedRows,
    test: EncodedRows | None,
    notes: tuple[str, ...] = (),
) -> Source:
    """Put two splits together; where there is one only, hold a part of it out for testing.

    Raises:
        InputError: a test fraction is given, but there is a test split.
        DataError: a label is outside the classes, or a split is empty.
    """
    if test is None:
        is_test = held_out(train.y, request.fraction)
        return Source(train, is_test, classes, (*notes, _note(request, is_test)))
    request.refuse_test_fraction()
    both = EncodedRows(
        np.concatenate([train.y, test.y]), train.ids + test.ids, lambda: _chained(train, test)
    )
    return Source(both, np.arange(len(both)) >= len(train), classes, notes)


def held_out(y: Labels, fraction: Fraction) -> Mask:
    """Mark the test rows of one split: row i of a class, if ⌊(i+1)f⌋ > ⌊if⌋.

    Rows without a label (-1) are no test rows.

    With f = 1/5 that is every fifth row of each class.

    >>> held_out(np.zeros(10, dtype=np.int64), Fraction(1, 5)).nonzero()[0].tolist()
    [4, 9]
    """
    is_test = np.zeros(len(y), dtype=np.bool_)
    for label in np.unique(y[y >= 0]):
        rows = np.flatnonzero(y == label)
        floors = [(i * fraction.numerator) // fraction.denominator for i in range(len(rows) + 1)]
        is_test[rows] = np.diff(np.array(floors)) > 0
    return is_test


def fitted(source: Source, request: Request) -> Iterator[Images]:
    """Give the images one after another, fitted to the size that is wanted.

    Raises:
        DataError: two images differ in size, or there are more or fewer than labels.
    """
    shape: tuple[int, ...] | None = None
    done = 0
    total = len(source.rows)
    for image in source.rows.images():
        if done == total:
            raise DataError(f"{request.name} has more images than its {total} labels")
        fitting = fit_image(image(), request.image_size)
        shape = shape or fitting.shape
        if fitting.shape != shape:
            raise _differing(source, done, (shape, fitting.shape))
        yield fitting
        done += 1
        _report(request, done, total)
    if done < total:
        raise DataError(f"{request.name} has {done} images, but {total} labels")


def _chained(train: EncodedRows, test: EncodedRows) -> Iterator[LazyImage]:
    yield from train.images()
    yield from test.images()


def _note(request: Request, is_test: Mask) -> str:
    rule = (
        "every fifth row"
        if request.fraction == Fraction(1, 5)
        else f"a fraction {request.test_fraction} of the rows, evenly spread,"
    )
    return (
        f"{request.name} has one split; {rule} of each class is held out for testing: "
        f"{int(is_test.sum()):,} of {len(is_test):,} rows"
    )


def _differing(source: Source, row: int, shapes: tuple[tuple[int, ...], ...]) -> DataError:
    first, other = (f"{shape[1]}x{shape[0]}" for shape in shapes)
    return DataError(
        f"images differ in size: {source.name_of(0)} is {first}, {source.name_of(row)} is "
        f"{other}; give --image-size N to make them equal"
    )


def _report(request: Request, done: int, total: int) -> None:
    if request.progress and (done % _ROWS_A_REPORT == 0 or done == total):
        request.progress(Stage("", 0, f"decode {request.name}", done, total))
