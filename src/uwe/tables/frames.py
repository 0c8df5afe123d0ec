"""Frames and columns of pandas, polars and Arrow, read by position; none of them is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from uwe.errors import InputError

__all__ = [
    "as_array",
    "index_of",
    "is_column",
    "is_frame",
    "is_numbered",
    "is_shuffled",
    "require_same_order",
]

Array = np.ndarray[Any, Any]


def is_frame(x: Any) -> bool:
    """Whether a value is a table of named columns.

    >>> is_frame([1, 2])
    False
    """
    return (_is_pandas(x) and getattr(x, "ndim", 1) == 2) or _named(x, "DataFrame", "Table")


def is_column(x: Any) -> bool:
    """Whether a value is one column, or the index of a table.

    >>> is_column(np.arange(3))
    False
    """
    return (_is_pandas(x) and x.ndim == 1) or _named(x, "Series", "Array", "ChunkedArray")


def as_array(x: Any) -> Array:
    """A frame or a column as an array, row i being the i-th; anything else as numpy reads it.

    Numbers that may be missing become floating ones with NaN.

    >>> as_array([1, 2]).tolist()
    [1, 2]
    """
    if _is_pandas(x):
        return _of_pandas(x)
    if _named(x, "Table") and hasattr(x, "to_pandas"):
        return _of_pandas(x.to_pandas())
    if _named(x, "Array", "ChunkedArray"):
        array: Array = np.asarray(x.to_pandas())
        return array
    return np.asarray(x.to_numpy() if is_frame(x) or is_column(x) else x)


def index_of(x: Any) -> Any:
    """The index of a frame or a column of pandas; None of anything else."""
    index = getattr(x, "index", None)
    return index if hasattr(x, "iloc") and hasattr(index, "get_indexer") else None


def is_numbered(index: Any) -> bool:
    """Whether an index is 0, 1, 2 …, as a table has that was given none.

    >>> import pandas
    >>> is_numbered(pandas.RangeIndex(3)), is_numbered(pandas.Index([2, 0, 1]))
    (True, False)
    """
    return _numbers(index) and bool((np.asarray(index) == np.arange(len(index))).all())


def is_shuffled(index: Any) -> bool:
    """Whether an index is 0, 1, 2 … in another order."""
    return (
        _numbers(index)
        and not is_numbered(index)
        and np.array_equal(np.sort(np.asarray(index)), np.arange(len(index)))
    )


def require_same_order(given: Mapping[str, Any]) -> None:
    """Refuse frames and columns of pandas whose indices say that their rows differ.

    An index 0, 1, 2 … says nothing, unless another has the same numbers in another order.

    Args:
        given: what belongs together row by row, by the name for an error.

    Raises:
        InputError: two indices differ; both names and the first such row are said.
    """
    indexed = [(name, index_of(value)) for name, value in given.items()]
    known = [(name, index) for name, index in indexed if index is not None]
    for at, (name, index) in enumerate(known):
        for other, its in known[:at]:
            if _differ(index, its):
                row = next((row for row, (a, b) in enumerate(zip(its, index, strict=True))
                            if a != b), 0)  # fmt: skip
                raise InputError(
                    f"{other} and {name} have different indices: row {row} is {its[row]!r} in "
                    f"{other} and {index[row]!r} in {name}; put both into one order, or give "
                    "arrays (to_numpy) if rows belong together by position"
                )


def _differ(one: Any, other: Any) -> bool:
    if len(one) != len(other) or one.equals(other):
        return False  # lengths are compared elsewhere
    if is_numbered(one) or is_numbered(other):
        return is_shuffled(one) or is_shuffled(other)
    return True


def _numbers(index: Any) -> bool:
    return getattr(getattr(index, "dtype", None), "kind", "") in ("i", "u")


def _of_pandas(x: Any) -> Array:
    if x.ndim == 2:
        kinds = {getattr(dtype, "kind", "O") for dtype in x.dtypes}
        array: Array = x.to_numpy()
        whole = array.dtype.kind == "O" and kinds <= set("biuf")
        return x.astype("float64").to_numpy() if whole else array
    array = np.asarray(x)
    if array.dtype.kind == "O" and getattr(x.dtype, "kind", "O") in "iuf":
        return np.asarray(x.to_numpy(dtype="float64", na_value=np.nan))
    return array


def _is_pandas(x: Any) -> bool:
    return hasattr(x, "iloc") or hasattr(x, "get_indexer")


def _named(x: Any, *names: str) -> bool:
    """Whether a value is of a class of polars or Arrow of one of these names."""
    return any(
        of.__module__.partition(".")[0] in ("polars", "pyarrow") and of.__name__ in names
        for of in type(x).__mro__
    )
