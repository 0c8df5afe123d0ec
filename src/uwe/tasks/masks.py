"""Masks as targets: a class for every pixel of an image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from uwe._types import BoolArray
from uwe.errors import InputError
from uwe.tasks._task import Array, is_missing

__all__ = ["HeldMasks", "Mask", "Masks", "ReadMask", "beyond_classes", "mask_digest"]

Pixels: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
ReadMask: TypeAlias = "Callable[[Mask], Pixels]"


@dataclass(frozen=True)
class Mask:
    """The mask of one image: which file holds it, and what is in it.

    Attributes:
        name: what the source calls it, such as a path below its folder.
        digest: of the pixels, as `mask_digest` makes it.
        pixels: class numbers uint8 ``[h, w]`` where they are in memory, as a prediction's are.
    """

    name: str
    digest: str
    pixels: Pixels | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, pixels: Pixels, name: str = "") -> Mask:
        """A mask whose pixels are in memory.

        >>> Mask.of(np.zeros((2, 3), np.uint8), "a.png").name
        'a.png'
        """
        return cls(name, mask_digest(pixels), pixels)

    def __str__(self) -> str:
        return f"{self.name} {self.digest}"


def mask_digest(pixels: Pixels) -> str:
    """A digest of class numbers uint8 ``[h, w]``: 32 hexadecimal digits."""
    found = hashlib.blake2b(f"{pixels.shape}".encode(), digest_size=16)
    found.update(np.ascontiguousarray(pixels, dtype=np.uint8).data)
    return found.hexdigest()


def beyond_classes(pixels: Pixels, classes: int, ignore: int | None) -> tuple[int, int] | None:
    """The largest number that is no class, and how many pixels have it; None where all are classes.

    Args:
        pixels: class numbers ``[h, w]``.
        classes: how many there are.
        ignore: another value that pixels may have.

    >>> beyond_classes(np.array([[0, 3, 3, 9]], dtype=np.uint8), 2, ignore=9)
    (3, 2)
    """
    counts = np.bincount(pixels.ravel(), minlength=1)
    counts[:classes] = 0
    if ignore is not None:
        counts[ignore : ignore + 1] = 0
    wrong = np.flatnonzero(counts)
    return (int(wrong[-1]), int(counts[wrong[-1]])) if len(wrong) else None


@dataclass(frozen=True, eq=False)
class HeldMasks:
    """Reads masks that are in memory, by their digests.

    Attributes:
        pixels: class numbers uint8 ``[h, w]`` by digest.
    """

    pixels: Mapping[str, Pixels]

    @classmethod
    def of(cls, *targets: Array) -> HeldMasks:
        """The masks of some arrays of targets that are in memory."""
        masks = (mask for of in targets for mask in of if mask is not None)
        return cls({mask.digest: mask.pixels for mask in masks if mask.pixels is not None})

    def __call__(self, mask: Mask) -> Pixels:
        """The pixels of a mask.

        Raises:
            InputError: it is not in memory.
        """
        if mask.digest not in self.pixels:
            raise InputError(
                f"the mask {mask.name!r} is not among the {len(self.pixels)} in memory"
            )
        return self.pixels[mask.digest]


@dataclass(frozen=True, eq=False)
class Masks:
    """One mask an image: objects `Mask` ``[n]``, None where missing.

    Attributes:
        names: of the classes; a pixel's value is the number of its class.
        ignore: the value of pixels that count nowhere, or None.
        read_one: gives the pixels of a mask that is in a file.
    """

    names: tuple[str, ...]
    ignore: int | None = None
    read_one: ReadMask | None = None

    rule = "the answer that was given last"

    @property
    def width(self) -> int:
        """One number a class, for each pixel."""
        return len(self.names)

    def encode(self, value: Any) -> dict[str, str] | None:
        """A mask as a value of JSON: the name of its file, and a digest of its pixels.

        Raises:
            InputError: it is no `Mask`, nor what this function gave.

        >>> Masks(("sky", "road")).encode(Mask("a.png", "00ff"))
        {'mask': 'a.png', 'digest': '00ff'}
        """
        if is_missing(value):
            return None
        mask = value if isinstance(value, Mask) else self._from(value)
        return {"mask": mask.name, "digest": mask.digest}

    def decode(self, value: Mapping[str, str]) -> Mask:
        """The mask that a value of JSON names."""
        return self._from(value)

    def array(self, values: Sequence[Any]) -> Array:
        """Masks, None where missing."""
        found = np.empty(len(values), dtype=object)
        found[:] = [None if value is None else self._from(value) for value in values]
        return found

    def checked(self, targets: Any) -> Array:
        """Masks ``[n]``; None is missing.

        Args:
            targets: a `Mask`, None, or class numbers uint8 ``[h, w]`` for each row.

        Raises:
            InputError: something else is among them, or a pixel in memory is of no class; the row
                is named.
        """
        found = np.empty(len(targets), dtype=object)
        for row, value in enumerate(targets):
            found[row] = None if value is None else self._checked(row, value)
        return found

    def known(self, targets: Array) -> BoolArray:
        """Rows that are not None."""
        return np.array([each is not None for each in targets], dtype=np.bool_)

    def values(self, targets: Array) -> list[Any]:
        """Masks as values of JSON."""
        return [self.encode(each) for each in targets]

    def settle(self, values: Sequence[Any]) -> Any:
        """The last answer."""
        return values[-1]

    def cell(self, value: Any) -> str:
        """A mask as one cell of a table: its name.

        >>> Masks(("sky", "road")).cell({"mask": "a.png", "digest": "00ff"})
        'a.png'
        """
        mask = value if isinstance(value, Mask) else self._from(value)
        return mask.name

    def read(self, targets: Array | Sequence[Mask]) -> list[Pixels]:
        """The pixels of masks, uint8 ``[h, w]`` each.

        Raises:
            InputError: a mask is in a file, and the task has no reader of masks.
        """
        return [self._pixels(each) for each in targets]

    def _checked(self, row: int, value: Any) -> Mask:
        is_pixels = isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype == np.uint8
        mask = Mask.of(value, str(row)) if is_pixels else value
        if not isinstance(mask, Mask):
            is_array = isinstance(value, np.ndarray)
            given = f"{value.dtype} {value.shape}" if is_array else f"a {type(value).__name__}"
            raise InputError(
                f"label of row {row} must be a Mask or class numbers uint8 [h, w], not {given}"
            )
        if mask.pixels is None or not self.names:
            return mask
        if wrong := beyond_classes(mask.pixels, len(self.names), self.ignore):
            raise InputError(
                f"label of row {row}: {wrong[1]:,} pixels have the value {wrong[0]}, which is "
                f"outside the {len(self.names)} classes (0 to {len(self.names) - 1}); ignore names "
                "the value of pixels that count nowhere"
            )
        return mask

    def _pixels(self, mask: Mask) -> Pixels:
        if mask.pixels is not None:
            return mask.pixels
        if self.read_one is None:
            raise InputError(f"the task cannot read the mask {mask.name!r}; make it with read=")
        return self.read_one(mask)

    def _from(self, value: Any) -> Mask:
        if isinstance(value, Mapping) and set(value) == {"mask", "digest"}:
            return Mask(str(value["mask"]), str(value["digest"]))
        raise InputError(f"a label must be a Mask, not {value!r}")
