"""What files say about the images of a folder, and the ways to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from uwe.data.dense.layout import Place
from uwe.data.dense.rows import GivenBoxes, GivenMask
from uwe.data.request import Request

__all__ = ["Annotations", "LazyTarget", "Way"]

LazyTarget: TypeAlias = Callable[[], GivenMask | GivenBoxes]


@dataclass(frozen=True)
class Annotations:
    """The labels of the images of each split.

    Attributes:
        classes: their names; None where the numbers that occur are the classes.
        targets: for each split, labels by the position of their image.
        notes: what a user should know.
    """

    classes: tuple[str, ...] | None
    targets: Sequence[Mapping[int, LazyTarget]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """A way in which labels are written.

    Attributes:
        name: of the format.
        where: where its files are looked for, for an error.
        files: finds them, for each split; empty where there are none.
        read: reads them.
    """

    name: str
    where: str
    files: Callable[[Place], Sequence[Path]]
    read: Callable[[Sequence[Place], Request], Annotations]
