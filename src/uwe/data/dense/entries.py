"""Entries of the cache whose labels are masks or boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from uwe._types import BoolArray, Images, Stage
from uwe.data.cache import EntryKind, write_headers
from uwe.data.dataset import Dataset
from uwe.data.dense.fitting import BoxFitter, fit_mask, fit_whole
from uwe.data.dense.rows import DenseSource, GivenBoxes, GivenMask, Item
from uwe.data.request import Request
from uwe.data.splits import Preparation, Split, fingerprint_of
from uwe.errors import DataError, InputError
from uwe.tasks import Array, Mask, TargetKind, Task, detection, segmentation
from uwe.tasks.masks import beyond_classes, mask_digest

__all__ = ["BoxEntries", "CachedMasks", "MaskEntries", "about_labels", "entries_of"]

_SPLITS = ("train", "test")
_ROWS_AT_ONCE = 256  # between two reports, and two looks at the form of boxes
_WHITE = 255
_SHOWN = 5


def entries_of(request: Request) -> EntryKind:
    """What the entries of the cache hold, for the task that is asked for."""
    kinds: Mapping[str, EntryKind] = {
        "segmentation": MaskEntries(request.task_options.get("ignore")),
        "detection": BoxEntries(),
    }
    return kinds[request.task or "segmentation"]


def about_labels(request: Request) -> list[object]:
    """What the labels in an entry depend on beside their files."""
    options = sorted((name, value) for name, value in request.task_options.items())
    return [request.task, options, request.boxes]


@dataclass(frozen=True)
class CachedMasks:
    """Reads masks from an entry of the cache, by their names.

    Attributes:
        places: file and row of each mask.
    """

    places: Mapping[str, tuple[Path, int]] = field(repr=False)

    def __call__(self, mask: Mask) -> Any:
        """The pixels of a mask, uint8 ``[h, w]``.

        Raises:
            InputError: no mask has the name.
        """
        if mask.name not in self.places:
            raise InputError(
                f"the mask {mask.name!r} is none of the {len(self.places):,} of the data set"
            )
        path, row = self.places[mask.name]
        return np.asarray(_mapped(path)[row])


@lru_cache(maxsize=16)
def _mapped(path: Path) -> Any:
    """The masks of a split, mapped; an entry of the cache never changes under its name."""
    return np.load(path, mmap_mode="r")


@dataclass(frozen=True)
class MaskEntries:
    """Entries of images, and of masks of the same size.

    Attributes:
        ignore: the value of pixels that count nowhere, or None.
    """

    ignore: int | None = None

    arrays = ("train_x", "train_masks", "test_x", "test_masks")

    def fill(self, part: Path, source: DenseSource, request: Request) -> dict[str, Any]:
        """Write images and masks; a number that is no class is refused."""
        told: list[dict[str, str] | None] = []
        counts, has_pixels = np.zeros(_WHITE + 1, dtype=np.int64), []
        with ExitStack() as stack:
            images = _Rows.opened(stack, part, "x", source.is_test)
            masks = _Rows.opened(stack, part, "masks", source.is_test)
            for item, image in _fitted(source, request):
                row = len(told)
                pixels, value = self._mask(item, image, source, request.image_size)
                counts += np.bincount(pixels.ravel(), minlength=len(counts)) * (value is not None)
                has_pixels.append(value is not None and bool((pixels != self.ignore).any()))
                images.write(row, image)
                masks.write(row, pixels)
                told.append(value)
        _require_content(
            source, has_pixels, f"a pixel that is not {self.ignore}, the ignored value"
        )
        classes = source.classes or self._numbered(counts, request.name)
        notes = (
            ()
            if source.classes
            else _gaps(request.name, np.flatnonzero(counts).tolist(), len(classes))
        )
        return _about(part, source, classes, segmentation(classes).targets, told, notes)

    def dataset(
        self,
        entry: Path,
        arrays: Mapping[str, Any],
        meta: Mapping[str, Any],
        request: Request,
        preparation: Preparation,
    ) -> Dataset:
        """The data set, whose masks are read from the entry."""
        places = {
            value["mask"]: (entry / f"{split}_masks.npy", row)
            for split in _SPLITS
            for row, value in enumerate(meta["targets"][split])
            if value is not None
        }
        task = segmentation(meta["classes"], ignore=self.ignore, read=CachedMasks(places))
        return _dataset(arrays, meta, request, task, preparation)

    def _mask(
        self, item: Item, image: Images, source: DenseSource, side: int | None
    ) -> tuple[Any, dict[str, str] | None]:
        """The fitted pixels of an item's mask, and its name and digest."""
        if not isinstance(item.target, GivenMask):
            return np.zeros(image.shape[:2], dtype=np.uint8), None
        mask = item.target
        self._require_classes(mask, source.classes)
        pixels = fit_mask(mask, _size(item), item.name, side)
        return pixels, {"mask": mask.name, "digest": mask_digest(pixels)}

    def _require_classes(self, mask: GivenMask, classes: Sequence[str] | None) -> None:
        if classes is None:
            return
        if wrong := beyond_classes(mask.pixels, len(classes), self.ignore):
            raise DataError(
                f"the mask {mask.name}: {wrong[1]:,} pixels have the value {wrong[0]}, which is "
                f"outside the {len(classes)} classes (0 to {len(classes) - 1}); give "
                f"--ignore {wrong[0]} if they count nowhere, or name the class"
            )

    def _numbered(self, counts: Any, name: str) -> tuple[str, ...]:
        """The numbers up to the largest that occurs, as names of classes."""
        there = [int(value) for value in np.flatnonzero(counts) if value != self.ignore]
        if there[-1] == _WHITE and there[-2:-1] != [_WHITE - 1]:
            below = f"0 to {there[-2]}" if there[:-1] else "nothing else"
            raise DataError(
                f"the masks of {name} hold {below}, and {_WHITE} in {counts[_WHITE]:,} pixels; "
                f"give --ignore {_WHITE} if these count nowhere, or number the classes from 0"
            )
        return tuple(map(str, range(there[-1] + 1)))


@dataclass(frozen=True)
class BoxEntries:
    """Entries of images, and of boxes in their pixels."""

    arrays = ("train_x", "test_x")

    def fill(self, part: Path, source: DenseSource, request: Request) -> dict[str, Any]:
        """Write images; boxes that cannot be kept as they are become notes."""
        fitter = BoxFitter(request.image_size)
        told: list[dict[str, Any] | None] = []
        occurring: set[int] = set()
        with ExitStack() as stack:
            images = _Rows.opened(stack, part, "x", source.is_test)
            for item, image in _fitted(source, request):
                images.write(len(told), image)
                boxes = None
                if isinstance(item.target, GivenBoxes):
                    boxes = fitter.fit(item.target, _size(item), item.name)
                    occurring.update(item.target.classes.tolist())
                told.append(None if boxes is None else boxes.as_json())
                if len(told) % _ROWS_AT_ONCE == 0:
                    fitter.require_form(request.name)
        fitter.require_form(request.name)
        has_box = [bool(each and each["classes"]) for each in told]
        _require_content(source, has_box, "a box with an area")
        classes, notes = source.classes, fitter.notes(request.name)
        if not classes:
            classes = tuple(map(str, range(max(occurring) + 1)))
            notes += _gaps(request.name, sorted(occurring), len(classes))
        return _about(part, source, classes, detection(classes).targets, told, notes)

    def dataset(
        self,
        entry: Path,
        arrays: Mapping[str, Any],
        meta: Mapping[str, Any],
        request: Request,
        preparation: Preparation,
    ) -> Dataset:
        """The data set."""
        del entry
        return _dataset(arrays, meta, request, detection(meta["classes"]), preparation)


@dataclass(frozen=True)
class _Rows:
    """Writes rows of uint8 to the files of both splits."""

    files: tuple[BinaryIO, ...]
    is_test: BoolArray

    @classmethod
    def opened(cls, stack: ExitStack, part: Path, what: str, is_test: BoolArray) -> _Rows:
        paths = [part / f"{split}_{what}.npy" for split in _SPLITS]
        return cls(tuple(stack.enter_context(path.open("wb")) for path in paths), is_test)

    def write(self, row: int, values: Any) -> None:
        """Write row after row: a full disk is an error here, under a memory map it is a crash."""
        if row == 0:
            counts = np.bincount(self.is_test, minlength=2).tolist()
            write_headers(self.files, counts, values.shape)
        self.files[int(self.is_test[row])].write(np.ascontiguousarray(values).data)


def _fitted(source: DenseSource, request: Request) -> Iterator[tuple[Item, Images]]:
    """Items one after another, each with its image fitted to the size that is wanted.

    Raises:
        DataError: two images differ in size.
    """
    shape: tuple[int, ...] | None = None
    total = len(source)
    for done, item in enumerate(source.rows.items(), start=1):
        decoded = item()
        image = fit_whole(decoded.image, request.image_size)
        shape = shape or image.shape
        if image.shape != shape:
            first, other = (f"{each[1]}x{each[0]}" for each in (shape, image.shape))
            raise DataError(
                f"images differ in size: {source.name_of(0)} is {first}, "
                f"{source.name_of(done - 1)} is {other} (--image-size N makes the shorter side N "
                "and keeps the whole image); cut or pad them to one shape"
            )
        yield decoded, image
        if request.progress and (done % _ROWS_AT_ONCE == 0 or done == total):
            request.progress(Stage("", 0, f"decode {request.name}", done, total))


def _size(item: Item) -> tuple[int, int]:
    return item.image.shape[1], item.image.shape[0]


def _about(
    part: Path,
    source: DenseSource,
    classes: Sequence[str],
    targets: TargetKind,
    told: Sequence[Any],
    notes: tuple[str, ...] = (),
) -> dict[str, Any]:
    """What stands in ``meta.json``: classes, ids, notes, labels by split, and the fingerprint."""
    of_split = {
        name: [told[int(row)] for row in np.flatnonzero(source.is_test == bool(at))]
        for at, name in enumerate(_SPLITS)
    }
    train, test = (
        Split(np.load(part / f"{name}_x.npy", mmap_mode="r"), targets.array(of_split[name]))
        for name in _SPLITS
    )
    pool = np.flatnonzero(~source.is_test)
    return {
        "classes": list(classes),
        "ids": [source.rows.ids[row] for row in pool],
        "notes": [*source.notes, *_unlabelled(source), *notes],
        "targets": of_split,
        "fingerprint": fingerprint_of(train, test, tuple(classes)),
    }


def _gaps(name: str, occurring: Sequence[int], classes: int) -> tuple[str, ...]:
    """A note where numbers below the largest do not occur, so that they may be no class numbers."""
    numbers = [number for number in occurring if number < classes]
    if len(numbers) == classes:
        return ()
    shown = ", ".join(map(str, numbers[:_SHOWN])) + (", …" if len(numbers) > _SHOWN else "")
    return (
        f"{name}: of the class numbers 0 to {classes - 1} only {len(numbers):,} occur ({shown}); "
        "the others count as classes, too",
    )


def _require_content(source: DenseSource, has_content: Sequence[bool], what: str) -> None:
    """Refuse training rows that teach nothing, and test rows of which no metric is defined.

    Raises:
        DataError: no label of a split has any content.
    """
    of_row = np.array(has_content, dtype=np.bool_)
    for which, split in (("training", ~source.is_test), ("test", source.is_test)):
        if not of_row[split].any():
            labelled = int((split & source.rows.labelled).sum())
            raise DataError(
                f"none of the {labelled:,} labelled {which} images has {what}; check the labels, "
                "or take more images"
            )


def _unlabelled(source: DenseSource) -> tuple[str, ...]:
    missing = np.flatnonzero(~source.rows.labelled)
    if not len(missing):
        return ()
    return (
        f"{len(missing):,} of {len(source):,} images have no label (the first is "
        f"{source.rows.ids[missing[0]]!r}); they stay in the pool",
    )


def _dataset(
    arrays: Mapping[str, Any],
    meta: Mapping[str, Any],
    request: Request,
    task: Task,
    preparation: Preparation,
) -> Dataset:
    targets: dict[str, Array] = {
        name: task.targets.array(meta["targets"][name]) for name in _SPLITS
    }
    return Dataset(
        name=request.name,
        train=Split(arrays["train_x"], targets["train"]),
        test=Split(arrays["test_x"], targets["test"]),
        task=task,
        preparation=preparation,
        ids=tuple(meta["ids"]),
        fingerprint=str(meta["fingerprint"]),
        notes=tuple(meta["notes"]),
    )
