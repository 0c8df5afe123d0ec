"""Images with masks or boxes that are not decoded yet, and how one split becomes two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain, compress
from typing import Any, TypeAlias

import numpy as np

from uwe._types import BoolArray, FloatArray, Images, Labels
from uwe.data.request import Request
from uwe.data.source import held_out
from uwe.data.splits import check_limits
from uwe.errors import DataError

__all__ = [
    "MOST_CLASSES",
    "DenseRows",
    "DenseSource",
    "GivenBoxes",
    "GivenMask",
    "Item",
    "LazyItem",
    "as_dense",
]

MOST_CLASSES = 10_000
"""How many classes of boxes may have a number and no name: a wrong number would need the memory."""


@dataclass(frozen=True)
class GivenMask:
    """A mask as its file has it.

    Attributes:
        name: of the file, or of the row.
        pixels: class numbers uint8 ``[h, w]``.
    """

    name: str
    pixels: np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class GivenBoxes:
    """The boxes of one image as their file has them.

    Attributes:
        name: of the file, or of the row.
        numbers: four a box, float64 ``[m, 4]``.
        form: what they mean: a name of `uwe.data.dense.fitting.FORMS`.
        classes: numbers of the classes ``[m]``.
        crowd: which boxes hold a crowd ``[m]``.
        size: width and height of the image as the file has it, or None.
    """

    name: str
    numbers: FloatArray
    form: str
    classes: Labels
    crowd: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Item:
    """An image and its label, decoded.

    Attributes:
        image: uint8 ``[h, w, 3]``.
        target: what is known of it, or None.
        name: what an error calls the image.
    """

    image: Images
    target: GivenMask | GivenBoxes | None
    name: str


LazyItem: TypeAlias = Callable[[], Item]


@dataclass(frozen=True)
class DenseRows:
    """Images and their labels, not decoded yet.

    Attributes:
        ids: what a person would call each image.
        labelled: which of them have a mask or boxes, bool ``[n]``.
        items: gives them one after another.
    """

    ids: tuple[str, ...]
    labelled: BoolArray
    items: Callable[[], Iterator[LazyItem]]

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, kept: BoolArray) -> DenseRows:
        """The marked rows; others are never decoded."""
        return DenseRows(
            tuple(compress(self.ids, kept)),
            self.labelled[kept],
            lambda: compress(self.items(), kept),
        )

    def followed_by(self, others: DenseRows) -> DenseRows:
        """These rows, then others."""
        return DenseRows(
            self.ids + others.ids,
            np.concatenate([self.labelled, others.labelled]),
            lambda: chain(self.items(), others.items()),
        )


@dataclass(frozen=True)
class DenseSource:
    """A data set of masks or boxes that is not decoded yet.

    Attributes:
        rows: of both splits.
        is_test: bool ``[n]``, which of them are the test split.
        classes: their names; None where the numbers that occur are the classes.
        notes: for ``Dataset.notes``.
    """

    rows: DenseRows
    is_test: BoolArray
    classes: tuple[str, ...] | None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def limited(self, request: Request) -> DenseSource:
        """Keep the first rows of each split, as many as are asked for.

        Raises:
            InputError: more are asked for than there are.
        """
        if not request.is_limited:
            return self
        n, tests = len(self.rows), int(self.is_test.sum())
        pool = np.full(n - tests, -1)
        check_limits(request.name, (), pool, tests, request.pool_size, request.test_size)
        kept = np.zeros(n, dtype=np.bool_)
        for split, limit in ((~self.is_test, request.pool_size), (self.is_test, request.test_size)):
            kept[np.flatnonzero(split)[:limit]] = True
        return replace(self, rows=self.rows.only(kept), is_test=self.is_test[kept])

    def name_of(self, row: int) -> str:
        """Name a row in an error."""
        return f"{'test' if self.is_test[row] else 'training'} image {self.rows.ids[row]!r}"


def as_dense(
    request: Request,
    classes: tuple[str, ...] | None,
    splits: Sequence[DenseRows],
    notes: tuple[str, ...] = (),
) -> DenseSource:
    """Put two splits together; where there is one only, hold a part of it out for testing.

    Images without a label stay in the pool, and are left out of the test split.

    Args:
        request: what was asked for.
        classes: their names, or None.
        splits: the pool, and the test rows if they are a split of their own.
        notes: for ``Dataset.notes``.

    Raises:
        InputError: a test fraction is given, but there is a test split.
        DataError: a split has no labelled image.
    """
    train, *others = splits
    if others:
        request.refuse_test_fraction()
        test = others[0].only(others[0].labelled)
        notes += _left_out(request, others[0])
        rows = train.followed_by(test)
        is_test = np.arange(len(rows)) >= len(train)
    else:
        rows = train
        is_test = held_out(np.where(train.labelled, 0, -1), request.fraction)
        notes += (_held_out_note(request, is_test),)
    _require_both(request, rows, is_test)
    return DenseSource(rows, is_test, classes, notes)


def _require_both(request: Request, rows: DenseRows, is_test: BoolArray) -> None:
    if not rows.labelled.any():
        raise DataError(f"none of the {len(rows):,} images of {request.name} has a label")
    tests, pool = int(is_test.sum()), int((~is_test).sum())
    if not tests or not pool:
        which = "test" if not tests else "training"
        raise DataError(
            f"{request.name} has no labelled {which} image: {pool:,} images are in the pool and "
            f"{tests:,} in the test split; neither may be empty"
        )


def _left_out(request: Request, test: DenseRows) -> tuple[str, ...]:
    missing = int((~test.labelled).sum())
    if not missing:
        return ()
    return (
        f"{request.name}: {missing:,} of {len(test):,} test images have no label and are left out",
    )


def _held_out_note(request: Request, is_test: BoolArray) -> str:
    is_fifth = request.fraction == Fraction(1, 5)
    rule = "every fifth" if is_fifth else f"a fraction {request.test_fraction}, evenly spread,"
    return (
        f"{request.name} has one split; {rule} of the labelled images is held out for testing: "
        f"{int(is_test.sum()):,} of {len(is_test):,} images"
    )
