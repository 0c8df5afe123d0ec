"""A file or a folder that holds named arrays, in any format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uwe.errors import DataError
from uwe.tables import Table

__all__ = ["Container"]


@dataclass(frozen=True)
class Container:
    """Named arrays that are read when they are asked for.

    Attributes:
        path: where they are.
        names: of the arrays, of columns, or of blocks of columns.
        read: gives the array or the tensor of a name.
        read_mask: gives what that name holds as a mask or as row numbers.
        read_ids: gives what that name holds as text.
        table: the table, if the file is one.
        task: name of the task that the file's outputs are of, where the file says it.
    """

    path: Path
    names: tuple[str, ...]
    read: Callable[[str], Any]
    read_mask: Callable[[str], Any]
    read_ids: Callable[[str], list[str]]
    table: Table | None = None
    task: str | None = None


def as_ids(path: Path, name: str, values: Any) -> list[str]:
    """Whole numbers or text as text.

    Raises:
        DataError: they are anything else.
    """
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iuU":
        raise DataError(
            f"{path}: {name} must be whole numbers or text [n], not {array.dtype} {array.shape}"
        )
    return [str(value) for value in array.tolist()]
