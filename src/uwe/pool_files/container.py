"""A file or a folder that holds named arrays, in any format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uwe.errors import DataError
from uwe.tables import Table, as_ids

__all__ = ["Container", "ids_in"]


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
        weighted: whether the features are weighted by the uncertainty of their places already.
    """

    path: Path
    names: tuple[str, ...]
    read: Callable[[str], Any]
    read_mask: Callable[[str], Any]
    read_ids: Callable[[str], list[str]]
    table: Table | None = None
    task: str | None = None
    weighted: bool = False


def ids_in(path: Path, name: str, array: np.ndarray[Any, Any]) -> list[str]:
    """Ids ``[n]`` of an array: whole numbers to the digit, or text.

    Raises:
        DataError: it holds anything else.
    """
    if array.ndim != 1 or array.dtype.kind not in "iufUS":
        raise DataError(
            f"{path}: {name} must be whole numbers or text [n], not {array.dtype} {array.shape}"
        )
    return as_ids(array if array.dtype.kind == "f" else array.tolist(), f"{path}: {name}")
