"""What a loader is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from uwe._types import Progress
from uwe.errors import DataError, InputError

__all__ = ["LARGEST_IMAGE", "Request", "check_image_size"]

LARGEST_IMAGE = 2048
_ONE_FIFTH = Fraction(1, 5)


@dataclass(frozen=True)
class Request:
    """What a loader is asked for.

    Attributes:
        name: of the data set, as on the command line.
        data_dir: where its files are; None: where they lie by custom, or on the hub.
        image_size: side of the square images that are wanted; None: as they are.
        test_fraction: of each class of a source with one split; None: a fifth.
        pool_size: how many rows of the pool, the first ones; None: all.
        test_size: how many test rows, likewise.
        progress: is told how decoding goes on.
        labels: a file of ids and labels, for a folder of images without class folders.
        encoding: of that file; None: recognised.
        task: what is learnt; None: classification.
        task_options: options of the task.
        boxes: what four numbers of a box mean, ``xywh`` or ``xyxy``; None: as COCO, ``xywh``.
    """

    name: str
    data_dir: Path | None = None
    image_size: int | None = None
    test_fraction: float | None = None
    pool_size: int | None = None
    test_size: int | None = None
    progress: Progress | None = None
    labels: Path | None = None
    encoding: str | None = None
    task: str | None = None
    task_options: Mapping[str, Any] = field(default_factory=dict)
    boxes: str | None = None

    def __post_init__(self) -> None:
        check_image_size(self.image_size)
        _check_test_fraction(self.test_fraction)
        if self.data_dir is not None and not self.data_dir.is_dir():
            raise DataError(f"there is no folder {self.data_dir}; --data-dir must name one")
        if self.labels is not None and not self.labels.is_file():
            raise DataError(f"there is no file {self.labels}; --labels must name one")

    @property
    def is_limited(self) -> bool:
        """Whether some rows only are asked for."""
        return self.pool_size is not None or self.test_size is not None

    @property
    def fraction(self) -> Fraction:
        """``test_fraction`` as the decimal number that was written, exactly."""
        return _ONE_FIFTH if self.test_fraction is None else Fraction(str(self.test_fraction))

    def places(self, *names: str) -> tuple[Path, ...]:
        """Folders to look in: ``data_dir/NAME``, ``data_dir`` with ``names``, ``data_dir``."""
        if self.data_dir is None:
            return ()
        return (*(self.data_dir / name for name in (self.name, *names)), self.data_dir)

    def refuse_test_fraction(self) -> None:
        """Raise if a test fraction is given for a source that has a test split.

        Raises:
            InputError: it is given.
        """
        if self.test_fraction is not None:
            raise InputError(
                f"{self.name} has a test split of its own, so a test fraction "
                f"({self.test_fraction}) does not apply; leave it out"
            )


def check_image_size(size: int | None) -> None:
    """Refuse a side that no image has.

    Raises:
        InputError: it is below 1 or too large.
    """
    if size is not None and not 1 <= size <= LARGEST_IMAGE:
        raise InputError(f"image size is {size}; it must be from 1 to {LARGEST_IMAGE}")


def _check_test_fraction(fraction: float | None) -> None:
    if fraction is not None and not 0 < fraction < 1:
        raise InputError(f"test fraction is {fraction}; it must lie between 0 and 1")
